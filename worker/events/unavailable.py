"""The error of a Redis of the events that is away."""

from contracts.errors import Unavailable


class EventsUnavailable(Unavailable):
    """Raised when the Redis of the events does not answer. It is never answered to a caller: a write
    waits.
    """

    code = "STORE_UNAVAILABLE"


EVENTS_AWAY = "the Redis of the events does not answer"
