"""RabbitMQ: queue names, and one self-healing asyncio connection over pika."""
