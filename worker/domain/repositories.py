"""The configured repositories, in lookup order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from contracts._redis.url import check_redis_url
from contracts.errors import RepositoryNotFound
from contracts.plugin import RepositoryInfo
from contracts.values import Contract
from worker.documents.validation import first_error
from worker.domain.completion import Completion

_OWN = ("repository_id", "name", "repository_type")


_Text = Annotated[str, Field(min_length=1, max_length=4096)]


def _filled(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty")
    return value


class ManagedOptions(Completion):
    """What a managed repository needs. ``path``: the folder of plugin documents."""

    path: Annotated[Path, Field(strict=False), BeforeValidator(_filled)]


class RemoteOptions(Contract):
    """How another deployment is asked.

    ``redis_url``: the Redis of its queues. ``domain_id``: the domain whose plugins it offers. ``timeout_s``:
    how long an answer may take, 5 s, at most 60. ``token``: the name of the credential whose secret is sent
    as ``authorization: Bearer``; None: nothing is sent.
    """

    redis_url: Annotated[_Text, AfterValidator(check_redis_url), Field(repr=False)]
    domain_id: _Text
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    token: _Text | None = None


class _NoOptions(Contract):
    """What the local repository needs: nothing."""


_OPTIONS: Mapping[str, type[ManagedOptions | RemoteOptions | _NoOptions]] = {
    "local": _NoOptions,
    "managed": ManagedOptions,
    "remote": RemoteOptions,
}


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository.

    ``info``: who it is. ``rank``: its place relative to the local one. ``options``: what its type needs
    beside; None for the local one.
    """

    info: RepositoryInfo
    rank: int
    options: ManagedOptions | RemoteOptions | None = None

    @property
    def repository_id(self) -> str:
        return self.info.repository_id


@dataclass(frozen=True, slots=True)
class Selection:
    """The repositories that a read looks into, each type in lookup order.

    ``among``: the ids of the managed ones; empty if these are all managed ones that there are.
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
        """Return the repositories of ``PLUGINS_REPOSITORIES``.

        Raises: ``ValueError`` naming the entry and the field that is wrong, never its value.
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
        """Return the repositories to look into.

        ``wanted``: their ids; None: all. ``own_only``: leave the remote ones out.

        Raises: ``RepositoryNotFound`` for an id that is not in reach.
        """
        reach = [r for r in self.all if not own_only or r.info.repository_type != "remote"]
        if wanted is not None:
            ids = [wanted] if isinstance(wanted, str) else wanted
            known = {r.repository_id for r in reach}
            for unknown in (name for name in ids if name not in known):
                raise RepositoryNotFound(
                    f'repository "{unknown}" does not exist', details={"repository_id": unknown}
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
    except ValidationError as error:
        raise ValueError(f"repository {index}: {first_error(error)}") from None
    if "/" in info.repository_id:
        raise ValueError(f"repository {index}: repository_id must not contain a slash")
    try:
        options = _OPTIONS[info.repository_type].model_validate(
            {key: value for key, value in item.items() if key not in _OWN}
        )
    except ValidationError as error:
        raise ValueError(f"repository {info.repository_id}: {first_error(error)}") from None
    return info, options if isinstance(options, ManagedOptions | RemoteOptions) else None
