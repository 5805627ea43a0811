"""Any registry that speaks OCI Distribution."""

from worker.registries.kinds.kind import Budget, Kind

KIND = Kind(Budget(2, 2))
