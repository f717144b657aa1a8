"""Projects on a worker's machine: laid out once, prepared once, kept while there is room."""
