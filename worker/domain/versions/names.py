"""Which names are those of versions."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_ATTACHED = (".sig", ".att", ".sbom")
_ATTACHED_TO = re.compile(r"sha256-[0-9a-f]{64}")


def is_version_name(text: str) -> bool:
    """Return whether an image can have a version of this name: whether it is a tag of OCI Distribution."""
    return _NAME.fullmatch(text) is not None


def without_attachments(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are versions, in the order given.

    Signatures, attestations and bills of materials are left out: they are stored under tags beside their
    images.
    """
    return tuple(
        name
        for name in names
        if not name.endswith(_ATTACHED) and not (name.startswith("sha256-") and _ATTACHED_TO.fullmatch(name))
    )
