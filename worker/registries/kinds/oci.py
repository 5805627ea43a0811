"""Any registry that speaks OCI Distribution."""

from worker.registries.kinds.kind import Kind
from worker.registries.limit import Limit

KIND = Kind(Limit(2, 2))
