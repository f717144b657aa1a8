"""The Jupyter kernel *Julia (taskq)*: the cells of a notebook are tasks of one session.

`session` speaks to the service, `kernel` to Jupyter, `spec` installs it.
"""
