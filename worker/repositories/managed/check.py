"""A managed repository: a folder of plugin documents, one a file.

A document has the fields of ``plugin.register`` but ``domain_id``, under the same rules, and may have
``plugin_id`` (the last path part of ``image``, as it would be anyway), ``state`` (default ``ENABLED``),
``created_at`` and ``updated_at`` (ISO 8601; default: when the document was first and last seen changed).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import ContractError
from contracts.plugin import RepositoryInfo
from worker.domain.managed import managed_plugin
from worker.domain.policy import Policy
from worker.repositories.managed.documents import BadDocument, BadFolder, read_document, signature
from worker.store.managed import ManagedPlugin


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file of a managed repository, or, without ``file``, with its folder."""

    path: Path
    file: str | None
    reason: str

    def __str__(self) -> str:
        place = os.fsencode(self.path / self.file if self.file else self.path)
        return f"{place.decode(errors='backslashreplace')}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Contents:
    """The plugins of a folder, and what is wrong with the other files."""

    plugins: tuple[ManagedPlugin, ...]
    faults: tuple[Fault, ...]

    @property
    def bad_files(self) -> frozenset[str]:
        """The files whose plugins stay as they were."""
        return frozenset(fault.file for fault in self.faults if fault.file)


def read_folder(
    path: Path,
    repository: RepositoryInfo,
    policy: Policy,
    now: datetime,
    between: Callable[[], None] = lambda: None,
) -> Contents:
    """What is in a folder. One bad file leaves the others as they are; ``between`` is called between two.

    Raises ``BadFolder`` when the folder itself cannot be read, which is not the same as an empty one.
    """
    plugins: dict[str, ManagedPlugin] = {}
    faults = []
    for name, _ in signature(path):
        between()
        try:
            plugin, times = managed_plugin(read_document(path / name), repository, now, policy)
        except BadDocument as fault:
            faults.append(Fault(path, name, str(fault)))
        except ContractError as refusal:
            faults.append(Fault(path, name, str(refusal)))
        else:
            if earlier := plugins.get(plugin.plugin_id):
                faults.append(Fault(path, name, f"has the plugin of {earlier.source}, {plugin.plugin_id}"))
            else:
                plugins[plugin.plugin_id] = ManagedPlugin(plugin, name, times)
    return Contents(tuple(plugins.values()), tuple(faults))


def check(path: Path, policy: Policy) -> list[Fault]:
    """Everything that is wrong with a folder of plugin documents, its own state first."""
    anyone = RepositoryInfo(repository_id="-", name="-", repository_type="managed")
    try:
        return list(read_folder(path, anyone, policy, datetime.now(UTC)).faults)
    except BadFolder as fault:
        return [Fault(path, None, str(fault))]
