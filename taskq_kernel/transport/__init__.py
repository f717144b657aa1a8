"""How the service is reached: what the client, the worker, the sink and the local stack share."""
