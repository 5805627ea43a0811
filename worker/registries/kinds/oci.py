"""Any registry that speaks OCI Distribution."""

from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind

KIND = Kind(Limit(2, 2))
