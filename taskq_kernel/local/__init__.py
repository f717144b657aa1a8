"""The local stack: the processes of one user on one machine, and what they need there.

==============  =====================================================================
`processes`     a detached process with a pid file; locks; free ports
`rabbitmq`      the private RabbitMQ node
`julia`         which Julia the worker runs
`doctor`        is everything there that taskq needs?
`home`          the data folder, its tokens; `environment`, what the parts find in theirs
`parts`         the broker, the service, the sink and the worker as processes
`stack`         all of it together: ``taskq up``, ``taskq down``
`keeper`        starts again what dies; `restarts`, how often, and when that is given up
`status`        what ``taskq status`` says
==============  =====================================================================
"""
