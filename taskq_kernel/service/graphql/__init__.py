"""GraphQL as it travels: documents and their limits, execution, HTTP, WebSocket.

It knows the schema only as something to execute; what the fields mean stands in
`taskq_kernel.service.schema`, which knows nothing of this.
"""
