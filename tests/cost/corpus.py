"""Every message of the corpus, by name."""

from typing import Any

from contracts.partition import COMMANDS
from tests.cost.batches import BATCHES
from tests.cost.envelopes import ENVELOPES
from tests.cost.filled import Kwargs, queue_of, raw_of
from tests.cost.numerals import NUMBERS, PLACES, number_message
from tests.cost.reads import READS
from tests.cost.writes import WRITES

_TASKS = {**WRITES, **BATCHES, **READS}
NAMES = [*_TASKS, *ENVELOPES, *NUMBERS]


def sent(name: str, number: int, **headers: Any) -> tuple[str, bytes]:
    """The queue and the list element of a message; another `number` makes another command."""
    if name in ENVELOPES:
        return COMMANDS, ENVELOPES[name]()
    if name in NUMBERS:
        queue = queue_of(PLACES[NUMBERS[name][0]][0])
        return queue, number_message(name, number, queue, **headers)
    task, kwargs = _TASKS[name]()
    return queue_of(task), raw_of(task, apart(kwargs, number), f"cost-{number}", **headers)


def apart(kwargs: Kwargs, number: int) -> Kwargs:
    """The keyword arguments with other images: what is registered is registered once."""
    if "image" in kwargs and len(kwargs["image"]) < 40:
        return kwargs | {"image": f"{kwargs['image']}-{number}"}
    items = kwargs.get("commands", [])
    if items and isinstance(items[0], dict) and "image" in items[0].get("params", ()):
        return {"commands": [item | {"params": apart(item["params"], number)} for item in items]}
    return kwargs
