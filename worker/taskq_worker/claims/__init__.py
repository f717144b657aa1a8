"""From a message to a claim, and from an outcome to the service that has it."""
