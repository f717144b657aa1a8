"""What Julia's packages print, taken from them as it is."""

from __future__ import annotations

#: ProgressMeter.jl 1.11, in colours: four steps with `showvalues`, then a `ProgressThresh`, then a line.
PROGRESS_METER = (
    "\r\x1b[32mSweep  25%|█████               |  ETA: 0:00:15\x1b[39m\x1b[K"
    "\r\n"
    "\x1b[34m        i: 1\x1b[39m\x1b[K\r\n"
    "\x1b[34m   energy: -0.5\x1b[39m\x1b[K\r\x1b[A\r\x1b[A\n"
    "\n"
    "\r\x1b[K\x1b[A\r\x1b[K\x1b[A\r\x1b[32mSweep  50%|██████████          |  ETA: 0"
    ":00:06\x1b[39m\x1b[K\r\n"
    "\x1b[34m        i: 2\x1b[39m\x1b[K\r\n"
    "\x1b[34m   energy: -1.0\x1b[39m\x1b[K\r\x1b[A\r\x1b[A\n"
    "\n"
    "\r\x1b[K\x1b[A\r\x1b[K\x1b[A\r\x1b[32mSweep  75%|███████████████     |  ETA: 0"
    ":00:02\x1b[39m\x1b[K\r\n"
    "\x1b[34m        i: 3\x1b[39m\x1b[K\r\n"
    "\x1b[34m   energy: -1.5\x1b[39m\x1b[K\r\x1b[A\r\x1b[A\n"
    "\n"
    "\r\x1b[K\x1b[A\r\x1b[K\x1b[A\r\x1b[32mSweep 100%|████████████████████| Time: 0"
    ":00:06\x1b[39m\x1b[K\r\n"
    "\x1b[34m        i: 4\x1b[39m\x1b[K\r\n"
    "\x1b[34m   energy: -2.0\x1b[39m\x1b[K\n"
    "\r\x1b[32mSolve  (thresh = 0.01, value = 1)\x1b[39m\x1b[K\r\x1b[32mSolve  "
    "(thresh = 0.01, value = 0.1)\x1b[39m\x1b[K\r\x1b[32mSolve  Time: 0:00:"
    "01 (3 iterations)\x1b[39m\x1b[K\n"
    "done\n"
)
#: `ConsoleLogger` of Julia 1.12, in colours.
RECORDS = (
    "\x1b[36m\x1b[1m┌ \x1b[22m\x1b[39m\x1b[36m\x1b[1mInfo: \x1b[22m\x1b[39mstarting\n"
    "\x1b[36m\x1b[1m└ \x1b[22m\x1b[39m  n = 3\n"
    "\x1b[36m\x1b[1m[ \x1b[22m\x1b[39m\x1b[36m\x1b[1mInfo: \x1b[22m\x1b[39mone line\n"
    "\x1b[33m\x1b[1m┌ \x1b[22m\x1b[39m\x1b[33m\x1b[1mWarning: \x1b[22m\x1b[39mrough\n"
    "\x1b[33m\x1b[1m│ \x1b[22m\x1b[39msecond line\n"
    "\x1b[33m\x1b[1m└ \x1b[22m\x1b[39m\x1b[90m@ Main model.jl:4\x1b[39m\n"
    "\x1b[91m\x1b[1m┌ \x1b[22m\x1b[39m\x1b[91m\x1b[1mError: \x1b[22m\x1b[39mbad\n"
    "\x1b[91m\x1b[1m│ \x1b[22m\x1b[39m  exception = no\n"
    "\x1b[91m\x1b[1m└ \x1b[22m\x1b[39m\x1b[90m@ Main model.jl:5\x1b[39m\n"
    "\x1b[36m\x1b[1m[ \x1b[22m\x1b[39m\x1b[36m\x1b[1mLogLevel(500): \x1b[22m\x1b[39modd\n"
)
