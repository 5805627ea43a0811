"""Where tests put something else in place of the shipped code: by name, so that a rename breaks loudly.

A protection is a function that takes a `Replace`: pytest's `monkeypatch.setattr`, which puts back, or
`replace`, in a process that ends with its test.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from worker.transport import scripts

Replace = Callable[[Any, str, Any], None]
Protection = Callable[[Replace], None]

LUA = Path(__file__).with_name("lua")


def replace(owner: Any, name: str, value: Any) -> None:
    """Replace `owner.name` in this process; AttributeError when there is no such name."""
    getattr(owner, name)
    setattr(owner, name, value)


def script(name: str, functions: str) -> Protection:
    """The shared functions of a script (such as "POP") are those of `lua/{functions}.lua` instead."""

    def take_out(replace: Replace) -> None:
        text = (LUA / f"{functions}.lua").read_text()
        replace(scripts, name, getattr(scripts, name).replacing(text))

    return take_out


def take_out(protections: Mapping[str, Protection], names: str, replace: Replace = replace) -> None:
    """Take out the protections `names`, which + joins; KeyError when there is none of that name."""
    for name in filter(None, names.split("+")):
        protections[name](replace)
