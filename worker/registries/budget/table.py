"""Which limit holds for which group of hosts."""

from collections.abc import Mapping

from worker.domain.registry.hosts import type_of
from worker.registries.kinds import KINDS, Limit


class BudgetTable:
    """The limit of each budget group (``ImageRef.budget_group``).

    ``limits``: by budget group, in place of the default of its registry type (``parse_limits``).
    """

    def __init__(self, limits: Mapping[str, Limit] | None = None) -> None:
        self._limits = dict(limits or {})

    def of(self, budget_group: str, registry_type: str) -> Limit:
        """Return the limit of a group. ``registry_type`` is the type that one of its images names."""
        if budget_group in self._limits:
            return self._limits[budget_group]
        host, _, credential = budget_group.partition("#")
        profile = KINDS.get(type_of(host, registry_type), KINDS["OCI"])
        return (profile.account_limit if credential else None) or profile.limit
