"""How much may be asked of a registry: requests a second, and images at once."""

import math
import re
from collections.abc import Mapping

from worker.domain.image import PUBLIC_ECR_HOST
from worker.domain.registry.hosts import one_name, type_of
from worker.registries.budget.limit import Limit
from worker.registries.kinds import KINDS

_ENTRY = re.compile(r"(?P<host>[^\s=,/]+)=(?P<rate>[0-9]*\.?[0-9]+)/(?P<at_once>[0-9]+)")


class Limits:
    """The limit of each budget group (of ``ImageRef``); ``given`` overrides the default of its registry
    type.
    """

    def __init__(self, given: Mapping[str, Limit] | None = None) -> None:
        self._given = dict(given or {})

    def of(self, group: str, registry_type: str) -> Limit:
        """The limit of ``group``, of which an image has ``registry_type``."""
        if group in self._given:
            return self._given[group]
        host, _, credential = group.partition("#")
        kind = KINDS.get(type_of(host, registry_type), KINDS["OCI"])
        return (kind.limit_with_credential if credential else None) or kind.limit


def parse_limits(text: str) -> dict[str, Limit]:
    """The limits in ``PLUGINS_REGISTRY_BUDGETS``: ``host=rate/at_once`` separated by commas; empty: none.

    ``host`` is ``host[:port]``, any name of Docker Hub, or ``public.ecr.aws#CREDENTIAL``.
    Raises ``ValueError`` naming the entry that is wrong.
    """
    limits: dict[str, Limit] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"entry {entry!r}: must be host=REQUESTS_PER_SECOND/AT_ONCE, as in ghcr.io=5/4")
        limit = Limit(float(match["rate"]), int(match["at_once"]))
        if not 0.1 <= limit.rate <= 100_000 or not math.isfinite(limit.rate):
            raise ValueError(f"entry {entry!r}: the rate must be 0.1 to 100000 requests a second")
        if not 1 <= limit.at_once <= 1_000:
            raise ValueError(f"entry {entry!r}: at once must be 1 to 1000")
        group = _group(match["host"])
        if group in limits:
            raise ValueError(f"entry {entry!r}: there are two")
        limits[group] = limit
    return limits


def _group(host: str) -> str:
    name, separator, credential = host.partition("#")
    name = one_name(name)
    if separator and (name != PUBLIC_ECR_HOST or not credential):
        raise ValueError(
            f"entry for {host!r}: a credential has a budget of its own at {PUBLIC_ECR_HOST} only"
        )
    return name + separator + credential
