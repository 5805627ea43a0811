"""The number of partitions, which every worker and publisher of a deployment has to agree on."""

import logging
import re
from typing import Any

from contracts._redis.outage import translate_outage
from contracts.partition import COMMANDS, command_queues
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.transport.keys import SEPARATOR, QueueKeys

logger = logging.getLogger(__name__)

PARTITIONS = f"{COMMANDS}:partitions"
"""The Redis key of the number in force."""

_NUMBER = re.compile(rb"[1-9][0-9]{0,3}")
_NUMBERED = re.compile(rf"({re.escape(COMMANDS)}\.[0-9]+)({SEPARATOR}[0-9]|:[a-z]+)?".encode())

# KEYS: the number of partitions, how many of the next ones must not exist, those, then leases.
# ARGV: the new number, how many keys must not exist. Returns the first key in the way, or ''.
_SET_PARTITIONS = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
for i = 2, #KEYS do
  if i - 1 <= tonumber(ARGV[2]) then
    if redis.call('EXISTS', KEYS[i]) == 1 then return KEYS[i] end
  else
    local lease = redis.call('HMGET', KEYS[i], 'owner', 'until')
    if lease[1] and (tonumber(lease[2] or '') or 0) > ms then return KEYS[i] end
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return ''
"""


class InUse(Exception):
    """Raised when the number cannot be changed now; ``key`` is the Redis key in the way."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Partitions:
    """The number of partitions in force, in the Redis of the commands.

    ``client``: a redis-py client that does not decode. Raises ``BrokerUnavailable``.
    """

    def __init__(self, client: Any) -> None:
        self._redis = client

    def number(self) -> int | None:
        """Return the number in force; None before the first worker has started, and where the key holds
        something else than a number of partitions, which the log then says.
        """
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            kept = self._redis.get(PARTITIONS)
        if kept and not _NUMBER.fullmatch(kept):
            logger.error("%s is no number of partitions; 'plugins partitions set' puts one there", PARTITIONS)
            return None
        return int(kept) if kept else None

    def agree(self, number: int) -> int:
        """Return the number in force; where Redis knows none, ``number`` is in force from now on."""
        kept = self.number()
        if kept is None:
            with translate_outage(BrokerUnavailable, BROKER_AWAY):
                self._redis.set(PARTITIONS, number, nx=True)
            kept = self.number()
        return number if kept is None else kept

    def change(self, number: int) -> None:
        """Put ``number`` in force, unless a commands queue of the old, the new or any other number is in use.

        Raises ``InUse``.
        """
        before = self.number() or 1
        strays = self.stray_queues(max(before, number))
        every = dict.fromkeys([*command_queues(before), *command_queues(number), *strays])
        names = [QueueKeys.of(queue) for queue in every]
        empty = [key for keys in names for key in (*keys.lists, keys.unacked, keys.poison)]
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            script = self._redis.register_script(_SET_PARTITIONS)
            in_the_way = script(
                keys=[PARTITIONS, *empty, *(keys.lease for keys in names)], args=[number, len(empty)]
            )
        if in_the_way:
            raise InUse(in_the_way.decode())

    def stray_queues(self, number: int) -> list[str]:
        """Return the commands queues of which Redis has a key though ``number`` partitions have no such
        queue.
        """
        with translate_outage(BrokerUnavailable, BROKER_AWAY):
            keys = [_NUMBERED.fullmatch(key) for key in self._redis.scan_iter(f"{COMMANDS}.*", count=1000)]
        return sorted({key[1].decode() for key in keys if key} - set(command_queues(number)))
