"""Harbor: Basic at its token service; robots' names hold a ``$``. Cookies are refused, as everywhere."""

from worker.registries.kinds.kind import Budget, Kind

KIND = Kind(Budget(10, 3))
