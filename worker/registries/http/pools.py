"""The ways to the network: a guard, and the adapters that keep to it."""

from collections.abc import Collection, Mapping

from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.http.adapter import GuardedAdapter
from worker.registries.http.guard import Guard, Resolver
from worker.registries.http.origin import Origin
from worker.registries.http.proxy import Proxy


class ConnectionPools:
    """The kept connections to registries, all behind one guard. For all threads; close it at the end.

    ``allowed``: the hosts that callers may name.
    ``trusted``: origins that are dialled wherever they lie. Each mirror has pools of its own, so that the
    trust in it does not open a way for another registry's redirect.
    ``resolver``: names to addresses.
    ``ca_files``: paths by ``host[:port]``, each the only roots of trust for its host.
    ``proxy``: through which registries are reached; None: directly.
    """

    def __init__(
        self,
        allowed: AllowedRegistries,
        trusted: Collection[Origin],
        resolver: Resolver,
        ca_files: Mapping[str, str],
        proxy: Proxy | None = None,
    ) -> None:
        self.guard = Guard(allowed, trusted, resolver, proxy)
        self._others = GuardedAdapter(self.guard)
        self._adapters = {host: GuardedAdapter(self.guard, path) for host, path in ca_files.items()}

    def adapter(self, origin: Origin) -> GuardedAdapter:
        """Return the adapter for a host."""
        return self._adapters.get(origin.authority, self._others)

    def close(self) -> None:
        """Close the connections."""
        for adapter in (self._others, *self._adapters.values()):
            adapter.close()
