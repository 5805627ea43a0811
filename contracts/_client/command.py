"""One command of many: as the caller gave it, before it is a message."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

from contracts._client.frames import check_size
from contracts.catalog import BY_TASK, WRITES, task_of
from contracts.errors import InvalidParameter
from contracts.headers import new_answer_id
from contracts.partition import queue_of
from contracts.values import is_command_id

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of many.

    ``answer_id``: where its answer is stored, if one is asked for.
    """

    id: str
    task: str
    params: dict[str, Any]
    answer_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answer_id", new_answer_id(self.id))

    def check(self) -> None:
        """Refuse a command that no worker takes.

        Raises: ``InvalidParameter`` for a wrong id, or a command that is too large.
        """
        check_command_id(self.id)
        check_size(self.task, self.params)


def read_commands(commands: Iterable[Mapping[str, Any]]) -> Iterator[Command]:
    """Yield the commands as they are read, each with an id.

    Raises: ``ValueError`` for an unknown operation, and for a command without an operation or parameters.
    """
    for number, command in enumerate(commands, 1):
        _check_parts(command, number)
        task = task_of(command["operation"])
        yield Command(str(command.get("id") or uuid4()), task, dict(command["params"]))


def _check_parts(command: Mapping[str, Any], number: int) -> None:
    for part in ("operation", "params"):
        if part not in command:
            raise ValueError(f"command {number} has no {part}")
    if not isinstance(command["params"], Mapping):
        raise ValueError(f"the params of command {number} are not a mapping")


def distinct(commands: Iterable[Command]) -> Iterator[Command]:
    """Yield the commands.

    Raises: ``ValueError`` for an id that is used twice.
    """
    seen: set[str] = set()
    for command in commands:
        if command.id in seen:
            raise id_used_twice(command.id)
        seen.add(command.id)
        yield command


def checked(commands: Iterable[Command]) -> Iterator[Command]:
    """Yield the commands.

    Raises: ``InvalidParameter`` for one that no worker takes.
    """
    for command in commands:
        command.check()
        yield command


def read_items(commands: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the items of a batch as the commands are read, each with an id.

    Raises: ``ValueError`` for an operation that is not a write and for an id that is used twice.
    """
    for command in distinct(read_commands(commands)):
        if command.task not in WRITES:
            raise ValueError(f"{command.task} is not a write; a batch may hold {', '.join(sorted(WRITES))}")
        yield {"id": command.id, "operation": command.task, "params": command.params}


def read_ahead(commands: Iterable[Any], read: Iterator[T]) -> Iterable[T]:
    """Return what is ``read`` of ``commands``: a list, if they are a sequence, so that each was checked."""
    return list(read) if isinstance(commands, Sequence) else read


def id_used_twice(command_id: str) -> ValueError:
    """Return the error of two commands with one id."""
    return ValueError(f"two commands have the id {command_id}")


def id_of(command_id: str | None) -> str:
    """Return the command id that a caller has chosen, or a new one.

    Raises: ``InvalidParameter`` for an id that no worker takes.
    """
    if command_id is not None:
        check_command_id(command_id)
    return str(uuid4()) if command_id is None else command_id


def check_command_id(command_id: str) -> None:
    """Refuse an id that no worker takes.

    Raises: ``InvalidParameter``.
    """
    if not is_command_id(command_id):
        raise InvalidParameter(
            "the command id must be 1 to 128 printable ASCII characters", details={"path": "id"}
        )


def queue_for(task: str, params: dict[str, Any], partitions: int) -> str:
    """Return the queue of a read, or of a write with its partition."""
    operation = BY_TASK[task]
    return queue_of(task, params, partitions) if operation.is_write else operation.queue
