"""Docker Hub: its API for whoever is anonymous, the OCI API at another host for accounts."""

from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind

KIND = Kind(Limit(2.5, 3), host="registry-1.docker.io")
