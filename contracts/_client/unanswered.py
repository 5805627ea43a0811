"""The errors of a caller that gets no answer."""

from typing import Any

from contracts.errors import InternalFault


class AskTimeout(TimeoutError):
    """Raised when no answer came in time.

    A write may still take effect. Send it again with the same ``command_id``, or many with the same ``ids``:
    it has one effect.

    ``command_id``: of the command; for a batch, of one of the messages that it was sent as.
    ``ids``: of ``batch``, the ids of all commands; of ``ask_many``, of those without an outcome. Both are in
    the order given, and of an iterable that is no sequence only what was read. Empty for ``ask``.
    """

    ids: tuple[str, ...] = ()

    def __init__(self, command_id: str, timeout_s: float) -> None:
        self.command_id = command_id
        self.timeout_s = timeout_s
        super().__init__(f"no answer to {command_id} within {timeout_s:g} s")

    def __reduce__(self) -> tuple[Any, ...]:
        # Copying and pickling call the class again. By default they pass the text of the error, which is not
        # what this class takes.
        return type(self), (self.command_id, self.timeout_s), self.__dict__


class RedisUnavailable(ConnectionError):
    """Raised when Redis does not answer.

    The command may have been sent or not. Send it again with the same ``command_id``, or many with the same
    ``ids``: it has one effect.

    ``ids``: as those of ``AskTimeout``; of ``send_many``, of the commands that may not have arrived.
    """

    ids: tuple[str, ...] = ()


class RedisRefused(RedisUnavailable):
    """Raised when Redis refuses this user, or its password, what was to be done.

    To try again helps only after somebody has given the right. It is a ``RedisUnavailable`` all the same: a
    part of the command may have been sent, so send it again, then, with the same ``command_id`` or ``ids``.
    """


class UnreadableAnswer(InternalFault):
    """Raised when what is stored as the answer is none of this contract: another program wrote it.

    A write may have taken effect. Send it again with the same ``command_id``: it has one effect.
    """
