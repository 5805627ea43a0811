"""The queue of each task."""

import pytest

from contracts.catalog import OPERATIONS
from contracts.errors import InvalidParameter
from worker.tasks.belong import QUEUE_OF_TASK, check_queue, kind_of

KINDS = ("plugin.commands", "plugin.queries", "plugin.versions")


@pytest.mark.parametrize(("task", "belongs"), QUEUE_OF_TASK.items())
def test_a_task_belongs_on_one_kind_of_queue(task: str, belongs: str) -> None:
    check_queue(task, belongs)
    for queue in {*KINDS, "plugin.commands.0", "plugin.commands.1023", "other", ""}:
        if kind_of(queue) == belongs:
            check_queue(task, queue)
            continue
        with pytest.raises(InvalidParameter) as told:
            check_queue(task, queue)
        assert told.value.details == {"path": "queue"}


def test_partitions_are_of_the_kind_of_the_commands() -> None:
    assert kind_of("plugin.commands.7") == kind_of("plugin.commands") == "plugin.commands"
    assert kind_of("plugin.commandsx") == "plugin.commandsx"
    assert {QUEUE_OF_TASK[operation.task] for operation in OPERATIONS if operation.is_write} == {KINDS[0]}
    assert QUEUE_OF_TASK["plugin.versions.refresh"] == KINDS[2]
