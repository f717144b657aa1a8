"""Chaos: a real stack under load and faults, and a look at what is left afterwards.

==============  ====================================================================
`arena`         the folders of one run, the small disk in it, and the environment
`network`       a worker behind a link that can be cut
`fleet`         the stack and its workers: which process is which, kill, start again
`load`          the stream of Julia tasks, and what was promised about each
`faults`        what is done to the stack, and how its recovery is seen
`checks`        what must hold afterwards
`report`        the result as text and JSON
`run`           all of it together
`crowd`         many waiting tasks instead of faults
``hook/``       loaded into the stack's processes: messages twice and out of order
==============  ====================================================================
"""
