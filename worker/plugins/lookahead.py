"""Decides the commands that come next, while those before them are written."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from worker.domain.command import Command
from worker.plugins.plan import Prepared
from worker.plugins.write import Writer


class Lookahead:
    """A thread beside the one that carries commands out.

    Most of the time of a write is waiting for MongoDB and Redis. Meanwhile the next commands are decided,
    over what is about to be written. If that turns out otherwise, what was decided is dropped.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, "lookahead")
        self._begun: tuple[Sequence[Command], Future[Prepared]] | None = None

    def begin(self, commands: Sequence[Command], epoch: int) -> None:
        """Begin to decide ``commands``, which come right behind those that are about to be carried out."""
        self._begun = commands, self._thread.submit(self._writer.prepare, commands, epoch)

    def take(self, commands: Sequence[Command], epoch: int) -> Prepared:
        """Return ``commands`` prepared: as they were begun, if what they were decided over was so."""
        begun, self._begun = self._begun, None
        # An error of the thread shows itself again here, where it is handled.
        if begun and begun[1].exception() is None:
            prepared = begun[1].result()
            if begun[0] is commands and self._writer.is_current(prepared):
                return prepared
        return self._writer.prepare(commands, epoch)

    def drop(self) -> None:
        """Forget what was begun and not taken: it is not going to be written."""
        begun, self._begun = self._begun, None
        if begun:
            begun[1].exception()
            self._writer.forget()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()
