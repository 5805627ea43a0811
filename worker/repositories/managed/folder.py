"""A managed repository: a folder of plugin documents, one a file.

A document has the fields of ``plugin.register`` but ``domain_id``, under the same rules, and may have
``plugin_id`` (default: the last path part of ``image``), ``state`` (default ``ENABLED``), ``created_at`` and
``updated_at`` (ISO 8601; default: when the document was first and last seen changed).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import ContractError
from contracts.plugin import RepositoryInfo
from worker.documents.read import DocumentError, read_document
from worker.domain.managed import managed_plugin
from worker.domain.policy import Policy
from worker.domain.repositories import ManagedOptions
from worker.store.managed import ManagedPlugin
from worker.terminal import printable

MAX_FILES = 10_000

SUFFIXES = frozenset({".json", ".yaml", ".yml"})

FileState = tuple[int, int, int, int]
"""By what a change of a file is seen: the times of its content and of its inode, which has its permissions;
size and inode.
"""

Signature = tuple[tuple[str, FileState], ...]
"""By what a change of a folder is seen: name and state of each file."""


class FolderError(ValueError):
    """Raised for a folder that cannot be read, or has too many files."""


@dataclass(frozen=True, slots=True)
class DocumentFault:
    """What is wrong with a file of a managed repository. ``file``: None: it is wrong with the folder."""

    path: Path
    file: str | None
    reason: str

    def __str__(self) -> str:
        place = os.fsencode(self.path / self.file if self.file else self.path)
        # In one line, and escaped: a file may have any name, and a log is read on a terminal.
        return printable(f"{place.decode(errors='backslashreplace')}: {self.reason}")


@dataclass(frozen=True, slots=True)
class Contents:
    """The plugins of a folder, and what is wrong with the other files.

    ``left_out``: the fields of documents that have no place here, each with its files.
    """

    plugins: tuple[ManagedPlugin, ...] = ()
    faults: tuple[DocumentFault, ...] = ()
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def bad_files(self) -> frozenset[str]:
        """The files whose plugins stay as they were."""
        return frozenset(fault.file for fault in self.faults if fault.file)

    @property
    def left_out_text(self) -> str:
        """Which fields were left out, and of which document or of how many; empty if none was."""
        return ", ".join(f"{name} ({_shown(self.left_out[name])})" for name in sorted(self.left_out))


def _shown(files: Sequence[str]) -> str:
    return printable(files[0]) if len(files) == 1 else f"{len(files)} documents"


def signature(folder: Path) -> Signature:
    """Return the present signature of a folder's documents, in the order of their names.

    Documents are the files ``*.json``, ``*.yaml`` and ``*.yml`` directly in it, but for hidden ones.

    Raises: ``FolderError``.
    """
    found: list[tuple[str, FileState]] = []
    try:
        for entry in folder.iterdir():
            if entry.suffix.lower() not in SUFFIXES or entry.name.startswith("."):
                continue
            if len(found) == MAX_FILES:
                raise FolderError(f"has more than {MAX_FILES} documents")
            found.append((entry.name, _state(entry)))
    except OSError as error:
        raise FolderError(f"cannot be read: {error.strerror}") from None
    return tuple(sorted(found))


def _state(file: Path) -> FileState:
    try:
        state = file.stat()
    except OSError:
        # Gone meanwhile, or a link to nowhere: it is a fault of the file when it is read.
        return 0, 0, 0, 0
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def read_folder(
    options: ManagedOptions,
    repository: RepositoryInfo,
    policy: Policy,
    now: datetime,
    between: Callable[[], None] = lambda: None,
) -> Contents:
    """Return what is in a folder. One bad file leaves the others as they are.

    ``now``: the time of plugins whose document says none. ``between``: called between two files.

    Raises: ``FolderError`` if the folder itself cannot be read, which is not the same as an empty folder.
    """
    path = options.path
    plugins: dict[str, ManagedPlugin] = {}
    faults: list[DocumentFault] = []
    left_out: dict[str, list[str]] = {}
    for name, _ in signature(path):
        between()
        try:
            read = managed_plugin(read_document(path / name), repository, now, policy, options)
        except (DocumentError, ContractError) as error:
            faults.append(DocumentFault(path, name, str(error)))
            continue
        plugin_id = read.plugin.plugin_id
        if earlier := plugins.get(plugin_id):
            faults.append(DocumentFault(path, name, f"has the plugin of {earlier.source}, {plugin_id}"))
            continue
        plugins[plugin_id] = ManagedPlugin(read.plugin, name, read.times)
        for unused in read.left_out:
            left_out.setdefault(unused, []).append(name)
    return Contents(tuple(plugins.values()), tuple(faults), left_out)


def check_folder(options: ManagedOptions, policy: Policy) -> Contents:
    """Return what is in a folder; that it cannot be read is one of its faults."""
    anyone = RepositoryInfo(repository_id="-", name="-", repository_type="managed")
    try:
        return read_folder(options, anyone, policy, datetime.now(UTC))
    except FolderError as error:
        return Contents(faults=(DocumentFault(options.path, None, str(error)),))
