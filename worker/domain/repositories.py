"""The configured repositories, in lookup order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from contracts._redis.url import check_redis_url
from contracts.errors import RepositoryNotFound
from contracts.plugin import RepositoryInfo

_OWN = ("repository_id", "name", "repository_type")

DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class ManagedOptions:
    """``path``: the folder of plugin documents."""

    path: Path


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """How another deployment is asked: at the Redis of its queues, for the plugins of one of its domains.

    ``timeout_s``: how long an answer may take; ``token``: the name of the credential whose secret is sent as
    ``authorization: Bearer``.
    """

    redis_url: str = field(repr=False)
    domain_id: str
    timeout_s: float = DEFAULT_TIMEOUT_S
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: who it is, and what its type needs beside. ``rank`` is its place relative to the local
    one.
    """

    info: RepositoryInfo
    rank: int
    options: ManagedOptions | RemoteOptions | None = None

    @property
    def repository_id(self) -> str:
        return self.info.repository_id


@dataclass(frozen=True, slots=True)
class Selection:
    """The repositories that a read looks into, each kind in lookup order. ``among`` are the ids of the
    managed ones, empty where these are all that are configured.
    """

    local: bool
    managed: tuple[Repository, ...]
    remote: tuple[Repository, ...]
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repositories:
    """All repositories in lookup order; exactly one is local."""

    all: tuple[Repository, ...]

    @classmethod
    def of(cls, items: Sequence[Mapping[str, Any]]) -> Self:
        """The repositories of ``PLUGINS_REPOSITORIES``. Raises ``ValueError`` naming the entry and the field
        that is wrong, never its value.
        """
        entries = [_entry(index, item) for index, item in enumerate(items)]
        ids = [info.repository_id for info, _ in entries]
        if len(set(ids)) != len(ids):
            raise ValueError("two repositories have the same repository_id")
        local = [index for index, (info, _) in enumerate(entries) if info.repository_type == "local"]
        if len(local) != 1:
            raise ValueError(f"exactly one repository must be local; there are {len(local)}")
        return cls(
            tuple(Repository(info, rank - local[0], options) for rank, (info, options) in enumerate(entries))
        )

    @property
    def local(self) -> Repository:
        return next(r for r in self.all if r.info.repository_type == "local")

    @property
    def managed(self) -> tuple[Repository, ...]:
        return tuple(r for r in self.all if r.info.repository_type == "managed")

    @property
    def remote(self) -> tuple[Repository, ...]:
        return tuple(r for r in self.all if r.info.repository_type == "remote")

    def select(self, wanted: str | Sequence[str] | None = None, *, own_only: bool = False) -> Selection:
        """The repositories of these ids; all of them for None, and with ``own_only`` no remote ones.

        Raises ``RepositoryNotFound`` for an id that is not in reach.
        """
        reach = [r for r in self.all if not own_only or r.info.repository_type != "remote"]
        if wanted is not None:
            ids = [wanted] if isinstance(wanted, str) else wanted
            known = {r.repository_id for r in reach}
            for unknown in (name for name in ids if name not in known):
                raise RepositoryNotFound(
                    f"there is no repository {unknown}", details={"repository_id": unknown}
                )
            reach = [r for r in reach if r.repository_id in ids]
        managed = tuple(r for r in reach if r.info.repository_type == "managed")
        return Selection(
            local=any(r.info.repository_type == "local" for r in reach),
            managed=managed,
            remote=tuple(r for r in reach if r.info.repository_type == "remote"),
            among=() if managed == self.managed else tuple(r.repository_id for r in managed),
        )


def _entry(
    index: int, item: Mapping[str, Any]
) -> tuple[RepositoryInfo, ManagedOptions | RemoteOptions | None]:
    try:
        info = RepositoryInfo.model_validate({key: item[key] for key in _OWN if key in item})
    except ValidationError as fault:
        first = fault.errors(include_input=False)[0]
        raise ValueError(f"repository {index}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    fields = {key: value for key, value in item.items() if key not in _OWN}
    if "/" in info.repository_id:
        raise ValueError(f"repository {index}: repository_id must not contain a slash")
    try:
        return info, _OPTIONS[info.repository_type](fields)
    except ValueError as fault:
        raise ValueError(f"repository {info.repository_id}: {fault}") from None


def _no_options(fields: dict[str, Any]) -> None:
    _check_names(fields, needed=(), optional=())


def _managed(fields: dict[str, Any]) -> ManagedOptions:
    _check_names(fields, needed=("path",), optional=())
    return ManagedOptions(Path(_text(fields, "path")))


def _remote(fields: dict[str, Any]) -> RemoteOptions:
    _check_names(fields, needed=("redis_url", "domain_id"), optional=("timeout_s", "token"))
    url = _text(fields, "redis_url")
    try:
        check_redis_url(url)
    except ValueError as fault:
        raise ValueError(f"redis_url: {fault}") from None
    timeout_s = fields.get("timeout_s", DEFAULT_TIMEOUT_S)
    is_number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if not is_number or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(f"timeout_s must be a number of seconds above 0, at most {MAX_TIMEOUT_S:g}")
    token = _text(fields, "token") if fields.get("token") is not None else None
    return RemoteOptions(url, _text(fields, "domain_id"), float(timeout_s), token)


_OPTIONS: Mapping[str, Callable[[dict[str, Any]], ManagedOptions | RemoteOptions | None]] = {
    "local": _no_options,
    "managed": _managed,
    "remote": _remote,
}


def _check_names(fields: dict[str, Any], needed: Sequence[str], optional: Sequence[str]) -> None:
    if unknown := set(fields) - {*needed, *optional}:
        raise ValueError(f"unknown {', '.join(sorted(map(str, unknown)))}")
    if missing := set(needed) - set(fields):
        raise ValueError(f"{', '.join(sorted(missing))} is required")


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not 0 < len(value) <= 4096:
        raise ValueError(f"{name} must be a text")
    return value
