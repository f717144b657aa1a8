"""What a terminal would show of what a task printed, as values: lines, their styles, their levels.

======================  ==========================================================
`style`                 colours and faces of letters ("select graphic rendition")
`screen`                carriage returns, cursor movements, erasing: lines of runs
`levels`                which lines are records of Julia's loggers, and how grave
`log`                   a whole log, piece by piece
======================  ==========================================================

Nothing here writes anywhere. Of all that a terminal would obey the lines keep nothing, so
whoever writes them to one writes text, and colours that `style.sgr` makes anew.

pyte, the terminal emulator in Python, was looked at and not taken: it keeps every character
of a screen of a fixed width as an object (9 s for a log of 1 MB, here 0.2 s), wraps lines at
that width, and drops what leaves its screen but for a history of the same objects.
"""
