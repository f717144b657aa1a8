"""The sink: commits every outcome to the results database, then tells the service."""
