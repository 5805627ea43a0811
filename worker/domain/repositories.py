"""The configured repositories, in lookup order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import ValidationError

from contracts.plugin import RepositoryInfo

_OWN = ("repository_id", "name", "repository_type")
_EXTRA = {
    "local": frozenset(),
    "managed": frozenset({"path"}),
    "remote": frozenset({"redis_url", "domain_id", "timeout_s", "token"}),
}
_NEEDED = {
    "local": frozenset(),
    "managed": frozenset({"path"}),
    "remote": frozenset({"redis_url", "domain_id"}),
}


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: who it is, and what its type needs beside (``options``). ``rank`` is its place relative
    to the local one.
    """

    info: RepositoryInfo
    rank: int
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def repository_id(self) -> str:
        return self.info.repository_id


@dataclass(frozen=True, slots=True)
class Repositories:
    """All repositories in lookup order; exactly one is local."""

    all: tuple[Repository, ...]

    @classmethod
    def of(cls, items: Sequence[Mapping[str, Any]]) -> Self:
        """The repositories of ``PLUGINS_REPOSITORIES``. Raises ``ValueError`` naming the entry that is wrong."""
        infos: list[tuple[RepositoryInfo, dict[str, Any]]] = []
        for index, item in enumerate(items):
            try:
                info = RepositoryInfo.model_validate({key: item[key] for key in _OWN if key in item})
            except ValidationError as fault:
                first = fault.errors(include_input=False)[0]
                raise ValueError(
                    f"repository {index}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
                ) from None
            options = {key: value for key, value in item.items() if key not in _OWN}
            if unknown := set(options) - _EXTRA[info.repository_type]:
                raise ValueError(f"repository {info.repository_id}: unknown {', '.join(sorted(unknown))}")
            if missing := _NEEDED[info.repository_type] - set(options):
                raise ValueError(f"repository {info.repository_id}: {', '.join(sorted(missing))} is required")
            infos.append((info, options))
        ids = [info.repository_id for info, _ in infos]
        if len(set(ids)) != len(ids):
            raise ValueError("two repositories have the same repository_id")
        local = [index for index, (info, _) in enumerate(infos) if info.repository_type == "local"]
        if len(local) != 1:
            raise ValueError(f"exactly one repository must be local; there are {len(local)}")
        return cls(
            tuple(Repository(info, rank - local[0], options) for rank, (info, options) in enumerate(infos))
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

    def find(self, repository_id: str) -> Repository | None:
        """The repository of an id."""
        return next((r for r in self.all if r.repository_id == repository_id), None)
