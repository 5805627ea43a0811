"""GitHub's container registry: anonymous, or a user name with a personal access token."""

from worker.registries.kinds.kind import Budget, Kind

KIND = Kind(Budget(5, 4))
