"""Lua scripts for Redis: run by their digest, and loaded again when Redis has forgotten them."""

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Self

from redis.exceptions import NoScriptError, ResponseError

Argument = str | bytes | int

RIGHTS = files(__package__).joinpath("rights.lua").read_text("utf-8")
"""Lua functions that say what the user of a script may do."""

_FUNCTION = re.compile(r"^(?:local )?function (\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: the functions that it shares with others, its own text, and the digest of both."""

    shared: str
    own: str
    digest: str

    @classmethod
    def load(cls, folder: Traversable, *names: str) -> Self:
        """Return the script of these files of a folder: what it shares first, the script itself last.

        It shares ``rights.lua`` with all others.
        """
        *shared, own = (folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
        return cls.of("".join([RIGHTS, *shared]), own)

    @classmethod
    def of(cls, shared: str, own: str) -> Self:
        """Return the script of these texts."""
        return cls(shared, own, hashlib.sha1((shared + own).encode(), usedforsecurity=False).hexdigest())

    def replacing(self, functions: str) -> "Script":
        """Return the script with some of its shared functions replaced, to see what they protect from.

        ``functions``: Lua text, ``function NAME(...) ... end`` for each of them.
        Raises ValueError when it replaces none, or one that the script does not share.
        """
        replaced = set(_FUNCTION.findall(functions))
        if not replaced or not replaced <= set(_FUNCTION.findall(self.shared)):
            raise ValueError(f"these are not all shared functions: {sorted(replaced)}")
        return Script.of(self.shared + functions, self.own)

    @property
    def text(self) -> str:
        """The text that Redis runs."""
        return self.shared + self.own


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its keys and arguments. Every script may be run twice with the same effect."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]

    def queue(self, client: Any) -> Any:
        """Run it, or add it to a pipeline: then see ``is_forgotten`` for its reply."""
        # redis-py's own Script asks a pipeline's Redis first, in a round trip of its own, what it has.
        return client.evalsha(self.script.digest, len(self.keys), *self.keys, *self.args)

    def queue_text(self, client: Any) -> Any:
        """Do as ``queue`` does, whether or not Redis has the script."""
        return client.eval(self.script.text, len(self.keys), *self.keys, *self.args)


def is_forgotten(reply: Any) -> bool:
    """Return whether a call was not run, since Redis does not have its script: it is to be run again."""
    return isinstance(reply, NoScriptError)


def run_script(client: Any, call: Call) -> Any:
    """Run one script.

    Raises: redis-py's errors.
    """
    return run_all(client, [call])[0]


def run_all(client: Any, calls: Sequence[Call], together: Collection[Script] = ()) -> list[Any]:
    """Run scripts in their order, in one round trip.

    ``together``: what else is loaded when a script is missing.

    Raises: the first error, after all scripts have been tried.
    """
    results = _execute(client, [call.queue for call in calls])
    missing = [index for index, result in enumerate(results) if is_forgotten(result)]
    if missing:
        for script in {*together, *(call.script for call in calls)}:
            client.script_load(script.text)
        # By their texts: a Redis may forget again what was just loaded, when another takes its place.
        again = _execute(client, [calls[index].queue_text for index in missing])
        for index, result in zip(missing, again, strict=True):
            results[index] = result
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def _execute(client: Any, sends: Sequence[Callable[[Any], Any]]) -> list[Any]:
    if len(sends) == 1:
        # A pipeline of one costs a tenth of a millisecond more.
        try:
            return [sends[0](client)]
        except ResponseError as error:
            return [error]
    with client.pipeline(transaction=False) as pipe:
        for send in sends:
            send(pipe)
        return list(pipe.execute(raise_on_error=False))
