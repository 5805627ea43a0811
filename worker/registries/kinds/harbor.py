"""Harbor: Basic at its token service; robots' names hold a ``$``. Cookies are refused, as everywhere."""

from worker.registries.kinds.kind import Kind
from worker.registries.limit import Limit

KIND = Kind(Limit(10, 3))
