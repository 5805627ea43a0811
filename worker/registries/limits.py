"""How much may be asked of a registry: requests a second, and images at once."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.images import DOCKER_HUB_HOST, DOCKER_HUB_NAMES, PUBLIC_ECR_HOST

SETTING = "PLUGINS_REGISTRY_BUDGETS"

_ENTRY = re.compile(r"(?P<host>[^\s=,/]+)=(?P<rate>[0-9]*\.?[0-9]+)/(?P<at_once>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` in requests a second, evenly spaced; ``at_once`` images being read at the same time."""

    rate: float
    at_once: int


DEFAULTS: Mapping[str, Limit] = {
    "DOCKER_HUB": Limit(2.5, 3),
    "AWS_PUBLIC_ECR": Limit(1.0, 1),
    "AWS_PRIVATE_ECR": Limit(10.0, 4),
    "GITHUB": Limit(5.0, 4),
    "HARBOR": Limit(10.0, 3),
    "GCP_ARTIFACT_REGISTRY": Limit(50.0, 8),
    "OCI": Limit(2.0, 2),
}
PUBLIC_ECR_WITH_CREDENTIALS = Limit(8.0, 4)


class Limits:
    """The limit of each budget group (``ImageRef.group``); ``given`` overrides the default of its registry
    type.
    """

    def __init__(self, given: Mapping[str, Limit] | None = None) -> None:
        self._given = dict(given or {})

    def of(self, group: str, registry_type: str) -> Limit:
        """The limit of ``group``, of which an image has ``registry_type``."""
        if group in self._given:
            return self._given[group]
        if group == DOCKER_HUB_HOST:
            return DEFAULTS["DOCKER_HUB"]
        if group.startswith(f"{PUBLIC_ECR_HOST}#"):
            return PUBLIC_ECR_WITH_CREDENTIALS
        if group == PUBLIC_ECR_HOST:
            return DEFAULTS["AWS_PUBLIC_ECR"]
        return DEFAULTS.get(registry_type, DEFAULTS["OCI"])


def parse_limits(text: str) -> dict[str, Limit]:
    """The limits in ``PLUGINS_REGISTRY_BUDGETS``: ``host=rate/at_once`` separated by commas; empty: none.

    ``host`` is ``host[:port]``, any name of Docker Hub, or ``public.ecr.aws#CREDENTIAL``.
    Raises ``ValueError`` naming the entry that is wrong.
    """
    limits: dict[str, Limit] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(
                f"{SETTING}: {entry!r} is not host=REQUESTS_PER_SECOND/AT_ONCE, as in ghcr.io=5/4"
            )
        limit = Limit(float(match["rate"]), int(match["at_once"]))
        if not 0.001 <= limit.rate <= 100_000 or not math.isfinite(limit.rate):
            raise ValueError(f"{SETTING}: {entry!r}: the rate must be 0.001 to 100000 requests a second")
        if not 1 <= limit.at_once <= 1_000:
            raise ValueError(f"{SETTING}: {entry!r}: at once must be 1 to 1000")
        group = _group(match["host"])
        if group in limits:
            raise ValueError(f"{SETTING}: {group} is given twice")
        limits[group] = limit
    return limits


def _group(host: str) -> str:
    name, separator, credential = host.partition("#")
    name = name.lower()
    return DOCKER_HUB_HOST if name in DOCKER_HUB_NAMES else name + separator + credential
