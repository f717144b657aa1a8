"""The local stack: the processes of one user on one machine, and what they need there.

==============  =====================================================================
`processes`     a detached process with a pid file; locks; free ports
`rabbitmq`      the private RabbitMQ node
`julia`         which Julia the worker runs
`doctor`        is everything there that taskq needs?
`stack`         all of it together: ``taskq up``, ``taskq down``
==============  =====================================================================
"""
