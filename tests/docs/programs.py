"""Blocks of a page as programs: run as a reader would, against a running deployment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from redis import Redis

from tests.docs.pages import RUN, Block, Page
from tests.support.servers import ChildProcess, wait_until

REDIS_URL = "redis://localhost:6379/0"
"""The address that the pages give; a block gets the deployment's own in its place."""

TIMEOUT_S = 240.0
"""For a block: some programs one after the other, on a machine that is busy with other tests."""

# What differs between two runs of the same block.
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{12,}\b"), "<id>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
    (re.compile(r"[ \t]+"), " "),
)


def matches(shown: str, printed: str, *, goes_on: bool = False) -> bool:
    """Whether a program printed what a page shows, but for times, ids, numbers and the width of columns.

    In `shown`, `...` stands for anything within a line, and as a line of its own for any lines. `goes_on`: the
    program may have printed more behind it.
    """
    lines = [
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in _masked(shown).splitlines()
    ]
    pattern = re.compile("".join(lines))
    text = _masked(printed)
    return bool(pattern.match(text) if goes_on else pattern.fullmatch(text))


def _masked(text: str) -> str:
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


class Reader:
    """Reads one page: runs its blocks in order, in a folder of their own.

    A block that is marked "until the end" is started before the blocks behind it and ends with the page: what
    it is to show, it has to show by then.
    """

    def __init__(self, page: Page, env: Mapping[str, str], folder: Path) -> None:
        self._page = page
        self._env = {**env, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
        self._folder = folder
        self._running: list[tuple[Block, ChildProcess]] = []

    def read(self) -> None:
        """Run every block, and a Python program that ends once more: a reader changes it, and runs it again."""
        try:
            for block in self._page.blocks():
                if block.language in RUN and block.marker != "not run":
                    self._run(block)
                    if block.language == "python" and not block.marker:
                        self._run(block)
            for block, program in self._running:
                self._expect(block, program)
        finally:
            for _, program in self._running:
                program.kill()

    def _run(self, block: Block) -> None:
        if block.marker == "until the end":
            self._leave_running(block)
            return
        program = self._start(block)
        try:
            status = program.wait(timeout_s=TIMEOUT_S)
        finally:
            program.kill()
        output = program.output(since_start=True)
        assert status == 0, f"{block.where} ended with {status}:\n{output}"
        if block.shown is not None:
            assert matches(block.shown, output), (
                f"{block.where} shows\n{block.shown}\nbut it printed\n{output}"
            )

    def _leave_running(self, block: Block) -> None:
        with Redis.from_url(self._env["PLUGINS_REDIS_URL"], decode_responses=True) as redis:
            before = {client["id"] for client in redis.client_list()}
            program = self._start(block)
            self._running.append((block, program))
            wait_until(partial(_reads_events, redis, before), TIMEOUT_S, f"{block.where} to read events")

    def _expect(self, block: Block, program: ChildProcess) -> None:
        try:
            wait_until(lambda: matches(block.shown or "", program.output(), goes_on=True), 60.0)
        except TimeoutError:
            text = f"{block.where} shows\n{block.shown}\nbut it printed\n{program.output()}"
            raise AssertionError(text) from None

    def _start(self, block: Block) -> ChildProcess:
        script = self._folder / f"line{block.line}.{block.language}"
        script.write_text(block.text.replace(REDIS_URL, self._env["PLUGINS_REDIS_URL"]))
        program = [sys.executable] if block.language == "python" else ["bash", "-euo", "pipefail"]
        return ChildProcess(
            [*program, str(script)], log=script.with_suffix(".log"), cwd=self._folder, env=self._env
        ).start()


def _reads_events(redis: Redis, before: set[str]) -> bool:
    return any(
        client["id"] not in before and client["cmd"].startswith("xread") for client in redis.client_list()
    )
