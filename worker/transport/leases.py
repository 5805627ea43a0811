"""The leases of this process: confirmed, raised, renewed and released."""

import logging
import threading

from redis import Redis

from worker.lua import Argument, Call
from worker.transport import scripts
from worker.transport.group import LeaseLost
from worker.transport.keys import QueueKeys
from worker.transport.options import Options
from worker.transport.state import QueueState

logger = logging.getLogger(__name__)


class Leases:
    """The queues that this process consumes, with their leases.

    ``client``: a redis-py client. ``owner``: the name of this process in Redis. ``options``: how long a lease
    lasts, and which queues have one.

    Any thread may call. Raises redis-py's errors.
    """

    def __init__(self, client: "Redis", owner: str, options: Options) -> None:
        self._client = client
        self._owner = owner
        self._options = options
        self._states: dict[str, QueueState] = {}
        self._lock = threading.Lock()

    def begin(self, queue: str) -> QueueState:
        """Begin to consume ``queue``; the state from before a reconnect is kept."""
        with self._lock:
            state = self._states.get(queue)
            if state is None:
                state = QueueState(QueueKeys.of(queue), self._options.is_exclusive(queue))
                self._states[queue] = state
        state.ask_at = 0.0
        return state

    def end(self, queue: str) -> QueueState | None:
        """Stop consuming ``queue``, and return its state, if there is one; its lease stays."""
        with self._lock:
            return self._states.pop(queue, None)

    @property
    def states(self) -> list[QueueState]:
        """The state of every consumed queue."""
        with self._lock:
            return list(self._states.values())

    @property
    def exclusive(self) -> list[str]:
        """The consumed queues that have a lease."""
        return [state.keys.queue for state in self.states if state.exclusive]

    def confirm(self, queue: str, epoch: int) -> bool:
        """Return whether the lease of ``queue`` is this process's. This renews it.

        ``epoch``: the one that this process knows; with another one, the lease was lost meanwhile.
        """
        state = self._states.get(queue)
        return state is not None and self.renew(state) == epoch

    def raise_epoch(self, queue: str, epoch: int, to: int) -> int:
        """Raise the epoch of a lease, and return it.

        It stays as it is if the new one would be more than a day ahead of Redis's clock.

        ``epoch``: the one that this process knows. ``to``: the least new one.

        Raises: ``LeaseLost``.
        """
        state = self._states.get(queue)
        if state is None or not state.exclusive:
            raise LeaseLost(f"no lease of {queue} is held")
        call = Call(scripts.RAISE, [state.keys.lease], [self._owner, str(epoch), str(to)])
        raised = int(scripts.run_script(self._client, call))
        if not raised:
            raise LeaseLost(f"the lease of {queue} has another owner")
        state.epoch = raised
        return raised

    def renew(self, state: QueueState) -> int:
        """Renew one lease; return its epoch, or 0 if it is not this process's."""
        script = scripts.RENEW if state.exclusive else scripts.RENEW_SHARED
        arguments: list[Argument] = [self._owner, self._options.lease_ms]
        return int(scripts.run_script(self._client, Call(script, [state.membership], arguments)))

    def renew_all(self) -> None:
        """Renew every lease that this process has."""
        for state in self.states:
            if state.epoch or not state.exclusive:
                self.renew(state)

    def release(self, state: QueueState) -> None:
        """Release one queue: give its unacked messages back to the head of it, and wake a standby."""
        keys = state.keys
        call = Call(
            scripts.RELEASE if state.exclusive else scripts.RELEASE_SHARED,
            [state.membership, keys.unacked, keys.returned, keys.waiting, keys.lists[0], keys.doorbell],
            [self._owner],
        )
        moved = int(scripts.run_script(self._client, call))
        state.epoch = 0
        if moved > 0:
            logger.info("gave %d message(s) of %s back", moved, keys.queue)
