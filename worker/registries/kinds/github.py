"""GitHub's container registry: anonymous, or a user name with a personal access token."""

from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind

KIND = Kind(Limit(5, 4))
