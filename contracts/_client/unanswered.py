"""What a caller meets who gets no answer."""

from typing import Any


class AskTimeout(TimeoutError):
    """Raised when no answer came in time. A write may still take effect: send it again with the same
    ``command_id``, and a batch with the same ``ids``.

    ``ids`` are those of a batch's commands, in the order given; empty for anything else. A batch's
    ``command_id`` is that of one of the messages that it was sent as.
    """

    ids: tuple[str, ...] = ()

    def __init__(self, command_id: str, timeout_s: float) -> None:
        self.command_id = command_id
        self.timeout_s = timeout_s
        super().__init__(f"no answer to {command_id} within {timeout_s:g} s")

    def __reduce__(self) -> tuple[Any, ...]:
        # Copied, and sent to another process, it is made again: from its text, if nothing else is said.
        return type(self), (self.command_id, self.timeout_s), self.__dict__


class RedisUnavailable(ConnectionError):
    """Raised when Redis does not answer. The command may be on its way or not: send it again with the same
    ``command_id``, and a batch with the same ``ids``, which are as those of ``AskTimeout``.
    """

    ids: tuple[str, ...] = ()
