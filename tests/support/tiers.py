"""The tier of each test, found by rule, the order of the tests on parallel workers, and a guard: a quick test
starts no process.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# Tests that use one of these, directly or through another fixture, are served by a process.
PROCESS_FIXTURES = frozenset(
    {
        "certificate",
        "deployment",
        "live",
        "mongodb_server",
        "mortal_redis",
        "mortal_server",
        "oldest_server",
        "own_redis",
        "own_service",
        "redis_server",
        "start_worker",
    }
)
# Tests in these folders start processes by themselves.
PROCESS_FOLDERS = frozenset({"acl", "compatibility", "examples", "system"})
# Parallel workers start with what takes longest, so that no long test is left at the end.
LONGEST_FIRST = (
    "chaos/",
    "cost/",
    "fuzz/",
    "versions/test_fleet",
    "versions/test_neighbours",
    "store/test_query_indexes",
    "store/test_query_meaning",
    "plugins/test_race",
    "plugins/test_read_merge",
    "docs/",
    "system/",
    "compatibility/",
    "devtools/",
    "transport/",
    "repositories/",
    "versions/",
    "store/",
    "plugins/",
    "contracts/",
    "cli/",
)

_STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})


class StartsProcess(BaseException):
    """A test of the quick tier starts a process. It is no Exception: no policy of the product may handle it."""


class _Guard:
    """Refuses a process while a quick test runs."""

    test: str | None = None

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.test is not None and event in _STARTS:
            raise StartsProcess(
                f"{self.test} starts a process ({event}), but is in the quick tier: mark it with "
                f"pytest.mark.process, or add its fixture to PROCESS_FIXTURES in {__file__}"
            )


_guard = _Guard()
sys.addaudithook(_guard)


def file_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix()


def is_quick(item: pytest.Item) -> bool:
    return not any(item.get_closest_marker(name) for name in ("process", "fuzz", "chaos", "bench"))


# Before xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        folder = file_of(item).partition("/")[0]
        if folder in ("chaos", "bench", "fuzz"):
            item.add_marker(folder)
        elif folder in PROCESS_FOLDERS or not PROCESS_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("process")
        group = _group(item)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _group(item: pytest.Item) -> str | None:
    """Return the name of the tests that stay on one parallel worker, with what they share; None for a test alone."""
    if "live" in getattr(item, "fixturenames", ()):
        return "live"
    definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    scopes = {definitions[name][-1].scope for name in item.fixturenames if name in definitions}  # type: ignore[attr-defined]
    if is_quick(item) or scopes & {"module", "class"}:
        return file_of(item)
    return None


def _rank(item: pytest.Item) -> int:
    file = file_of(item)
    found = (rank for rank, prefix in enumerate(LONGEST_FIRST) if file.startswith(prefix))
    return next(found, len(LONGEST_FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _guard.test = item.nodeid if is_quick(item) else None
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    # What a session ends with the last test may belong to others.
    _guard.test = None
    return (yield)
