"""What remote control may ask of a worker, and what is not there."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker import control

from worker.app import create_app
from worker.process import panel
from worker.process.panel import BUSY, LOOKS, Panel
from worker.settings import Settings

SECRET = "s3cr3t"
CHANGES = sorted(set(control.Panel.data) - set(LOOKS))


def panel_of(**consumer: Any) -> Panel:
    url = f"redis://user:{SECRET}@localhost:1/0"
    app = create_app(Settings(redis_url=url, mongodb_url=f"mongodb://user:{SECRET}@localhost:1/x"))
    return Panel(SimpleNamespace(app=app, hostname="w@host", **consumer))


def test_nothing_that_changes_a_worker_is_there() -> None:
    """By the names that Celery has; a new one of a later Celery is not there until somebody puts it there."""
    harmful = {
        "revoke",
        "terminate",
        "rate_limit",
        "time_limit",
        "add_consumer",
        "cancel_consumer",
        "shutdown",
    }
    harmful |= {"pool_grow", "pool_shrink", "pool_restart", "autoscale", "election", "hello", "report"}
    harmful |= {"memdump", "memsample", "objgraph", "revoke_by_stamped_headers"}
    assert harmful <= set(CHANGES)
    assert len(LOOKS) == 14


@pytest.mark.parametrize("method", [*CHANGES, "", "no_such", "__class__", "x" * 60_000, "ping "])
def test_the_sender_is_told_in_words(method: str) -> None:
    answer = panel_of().answer(method, {"task_id": "x"})
    assert answer == {
        "error": "this panel only looks: nothing that changes a worker is there. End a worker with SIGTERM; "
        "for all else restart it with other settings."
    }


def test_no_setting_that_may_hold_a_secret_is_shown() -> None:
    told = panel_of().answer("conf", {"with_defaults": True})
    assert told["task_default_queue"] == "plugin.commands"
    assert SECRET not in str(told)
    assert not [name for name in told if "url" in name or "backend" in name or "ssl" in name]


def test_attributes_of_tasks_are_not_shown() -> None:
    told = panel_of().answer("registered", {"taskinfoitems": ["services", "backend", "app"]})
    assert "plugin.register" in told
    assert not [name for name in told if " " in name]


@pytest.mark.parametrize("ids", [None, 5, {"a": 1}, [[]], ["x", 5, None], "x", ["x"] * 10_000])
def test_only_ids_are_looked_for(ids: Any) -> None:
    assert panel_of().answer("query_task", {"ids": ids, "state": 1, "more": 2}) == {}


class Changing:
    """A look at a set that other threads change for some time."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self, state: Any) -> dict[str, str]:
        self._left -= 1
        if self._left >= 0:
            raise RuntimeError("Set changed size during iteration")
        return {"ok": "pong"}


@pytest.mark.parametrize(("times", "answer"), [(2, {"ok": "pong"}), (1_000, {"error": BUSY})])
def test_what_other_threads_change_meanwhile_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, times: int, answer: dict[str, str]
) -> None:
    monkeypatch.setattr(panel, "LOOKS", {"ping": Changing(times)})
    assert panel_of().answer("ping", {}) == answer
