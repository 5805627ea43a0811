"""GitHub's container registry: anonymous, or a user name with a personal access token."""

from worker.registries.kinds.kind import Kind
from worker.registries.limit import Limit

KIND = Kind(Limit(5, 4))
