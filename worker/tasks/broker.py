"""What an outage of the Redis of the commands is to this service: one of its own errors."""

from contracts.errors import Unavailable


class BrokerUnavailable(Unavailable):
    """Raised when the Redis of the commands does not answer. Never answered to a caller: a write waits."""

    code = "STORE_UNAVAILABLE"


BROKER_AWAY = "the Redis of the commands does not answer"
