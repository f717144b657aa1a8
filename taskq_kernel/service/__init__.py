"""The service: GraphQL over the task database, and what keeps the fleet going.

`taskq_kernel.service.main.serve` runs it.
"""
