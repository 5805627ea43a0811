"""Version lists: the order of names, newest first, the names that are not versions, and what changed.

A total order that never raises, whatever the name. First versions (SemVer, ``v``-prefixed, numeric with any
number of parts, PEP 440's short suffixes) from the highest to the lowest, each release before its
pre-releases; then other names; then names that move from one image to another, ``latest`` last of all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_ATTACHED = (".sig", ".att", ".sbom")
_ATTACHED_TO = re.compile(r"sha256-[0-9a-f]{64}")
_VERSION = re.compile(
    r"[vV]?(?P<numbers>[0-9]+(?:\.[0-9]+)*)"
    r"(?:(?P<post>[._-]?post[._-]?[0-9]*)|[-_+.](?P<pre>[0-9A-Za-z].*)|(?P<short>(?:a|b|c|rc|alpha|beta|pre|dev)[._-]?[0-9]*))?",
    re.DOTALL,
)
# A commit's hash at a length that git, GitLab and others use, some of which look like pre-releases (4129c07):
# none is ever the latest version.
_HASH = re.compile(r"(?=.{7,12}\Z)[0-9]+[abc][0-9]*")
_DIGITS = frozenset("0123456789")
_CHUNK = re.compile(r"[0-9]+|[^0-9]+")
_MOVING = re.compile(
    r"(?:latest|stable|edge|nightly|main|master|trunk|head|dev|develop|devel|development|canary|next|rolling|current"
    r"|testing|unstable|experimental|snapshot|mainline|lts|staging|production|prod)",
    re.IGNORECASE,
)

# A number compares as (count of digits, digits): exact at any length, where int() stops at 4,300 digits.
_Number = tuple[int, str]
_Chunks = tuple[tuple[int, int, str], ...]
_Key = tuple[int, tuple[_Number, ...], int, tuple[_Chunks, ...], str]


@dataclass(frozen=True, slots=True)
class VersionsChange:
    """What a change did to a version list, newest first.

    ``initial``: there was no list before.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    initial: bool = False


def is_version_name(text: str) -> bool:
    """Return whether an image can have a version of this name: whether it is a tag of OCI Distribution."""
    return _NAME.fullmatch(text) is not None


def newest_first(names: Iterable[str]) -> list[str]:
    """Return the names in order."""
    return sorted(names, key=version_key, reverse=True)


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


def version_key(name: str) -> _Key:
    """Return a key that sorts names oldest first; different names never compare equal."""
    match = _VERSION.fullmatch(name)
    if match is not None and not _HASH.fullmatch(name):
        numbers = tuple(_number(part) for part in match["numbers"].split("."))
        while numbers and numbers[-1] == (0, ""):  # 1.2 and 1.2.0 are the same version
            numbers = numbers[:-1]
        if match["post"]:
            return (3, numbers, 2, (_chunks(match["post"]),), name)
        pre = match["pre"] or match["short"]
        if pre is None:
            return (3, numbers, 1, (), name)
        return (3, numbers, 0, tuple(_chunks(part) for part in re.split(r"[._-]", pre)), name)
    if _MOVING.fullmatch(name):
        return (0 if name.lower() == "latest" else 1, (), 0, (), name)
    return (2, (), 0, (_chunks(name),), name)


def _number(digits: str) -> _Number:
    significant = digits.lstrip("0")
    return (len(significant), significant)


def _chunks(text: str) -> _Chunks:
    """Natural order: runs of digits compare as numbers, and below letters: rc.2 < rc.10, rc2 < rc10."""
    return tuple((0, *_number(run)) if run[0] in _DIGITS else (1, 0, run) for run in _CHUNK.findall(text))
