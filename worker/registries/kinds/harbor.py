"""Harbor: Basic at its token service; robots' names hold a ``$``. Cookies are refused, as everywhere."""

from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind

KIND = Kind(Limit(10, 3))
