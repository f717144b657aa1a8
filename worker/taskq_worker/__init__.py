"""The worker: a supervisor that runs tasks in warm Julia processes, one a slot."""
