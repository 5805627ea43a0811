"""kombu's transport of a caller: its connections notice a Redis that has fallen silent."""

from kombu.transport import redis as stock

from contracts._redis.silence import Connection, SSLConnection


class Channel(stock.Channel):
    """kombu's channel."""

    connection_class = Connection
    connection_class_ssl = SSLConnection


class Transport(stock.Transport):
    """kombu's transport, with ``Channel``."""

    Channel = Channel
