"""Cases that measure nothing, on servers that are none."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.bench.case import Case, Comparison, Curve, Plan, Record


def open_no_servers(folder: Path) -> Any:
    return nullcontext(SimpleNamespace(versions={"redis": "7.0.15", "mongod": "6.0.5"}))


def _measure(servers: Any, plan: Plan, record: Record) -> None:
    for number in range(plan.rounds):
        record.add({"ours": 200.0 + number, "theirs": 100.0 + number})


def _bend(servers: Any, plan: Plan, record: Record) -> None:
    for at in plan.turns(1, 16):
        record.add({"ours": 10.0 * at}, at=at)


def _fail(servers: Any, plan: Plan, record: Record) -> None:
    record.add({"ours": 1.0})
    raise RuntimeError("the worker ended")


UNITS = {"ours": "/s", "theirs": "/s"}
PLAIN = Case("plain", "Plain", UNITS, _measure, (Comparison("ours", "theirs", asked="at least 2.0"),))
CURVED = Case("curved", "Curved", UNITS, _bend, curve=Curve("waiting", "per second"))
FAILING = Case("failing", "Failing", UNITS, _fail, (Comparison("ours", "theirs"),))
