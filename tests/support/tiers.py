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
        "redis_server",
        "mongodb_server",
        "own_redis",
        "own_service",
        "mortal_redis",
        "oldest_server",
        "mortal_server",
        "certificate",
    }
)
# Tests in these folders start processes by themselves.
PROCESS_FOLDERS = frozenset({"compatibility", "docs", "examples", "system"})
# Parallel workers start with the folders that take longest, so that no long test is left at the end.
LONGEST_FIRST = (
    "chaos",
    "system",
    "compatibility",
    "devtools",
    "transport",
    "repositories",
    "cli",
    "contracts",
    "store",
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


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def is_quick(item: pytest.Item) -> bool:
    return not any(item.get_closest_marker(name) for name in ("process", "chaos", "bench"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        folder = folder_of(item)
        if folder in ("chaos", "bench"):
            item.add_marker(folder)
        elif folder in PROCESS_FOLDERS or not PROCESS_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("process")
        if _shares(item):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(TESTS))))
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)


def _shares(item: pytest.Item) -> bool:
    """Whether the test stays on one worker with its file: what they share is made once."""
    if is_quick(item):
        return True
    definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    used = (definitions[name][-1] for name in item.fixturenames if name in definitions)  # type: ignore[attr-defined]
    return any(fixture.scope in ("module", "class") for fixture in used)


def _rank(item: pytest.Item) -> int:
    folder = folder_of(item)
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    _guard.test = item.nodeid if is_quick(item) else None
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    # What a session ends with the last test may belong to others.
    _guard.test = None
    return (yield)
