"""What `make` runs, as the shell reads it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize("target", ["up", "down"])
def test_the_folder_of_the_data_may_have_a_space(target: str) -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", target, "DATA_DIR=/tmp/a b"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    words = shlex.split(shown.stdout.splitlines()[-1])
    assert words[words.index("--data-dir") + 1] == "/tmp/a b"
