"""A result as something that others can have without taskq: a script, a notebook, an RO-Crate, a citation."""
