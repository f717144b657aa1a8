"""``taskq demo``: real Julia tasks, shown live in the terminal. The tasks are in ``tasks/``."""
