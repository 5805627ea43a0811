"""One way to the network: a guard, and the adapters that keep to it."""

from collections.abc import Collection, Mapping

from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.http.guard import Guard, GuardedAdapter, Resolver
from worker.registries.http.origin import Origin


class Dialler:
    """An adapter for each host with a CA file of its own (``host[:port]`` to path), and one for all others.

    ``trusted`` are dialled wherever they lie. Each mirror has a dialler of its own, so that what is trusted
    for its images does not open a way for another registry's redirect. For all threads; close it at the end.
    """

    def __init__(
        self,
        allowed: AllowedRegistries,
        trusted: Collection[Origin],
        resolver: Resolver,
        ca_files: Mapping[str, str],
        connections: int,
    ) -> None:
        self.guard = Guard(allowed, trusted, resolver)
        self._others = GuardedAdapter(self.guard, connections=connections)
        self._adapters = {
            host: GuardedAdapter(self.guard, path, connections) for host, path in ca_files.items()
        }

    def adapter(self, origin: Origin) -> GuardedAdapter:
        """The adapter for a host."""
        return self._adapters.get(origin.authority, self._others)

    def close(self) -> None:
        """Closes the connections."""
        for adapter in (self._others, *self._adapters.values()):
            adapter.close()
