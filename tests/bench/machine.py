"""On what was measured: the machine, the versions, the commit."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.servers import ROOT

_LIBRARIES = ("celery", "kombu", "redis", "pymongo", "pydantic")


def describe_machine(servers: dict[str, str]) -> dict[str, Any]:
    """Return the facts. ``servers``: the versions of the servers."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s+: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "processors": len(os.sched_getaffinity(0)),
        "model": model[1] if model else platform.machine(),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else None,
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **servers,
            **{f"{name} (PyPI)": version(name) for name in _LIBRARIES},
        },
    }


def describe_commit() -> dict[str, Any]:
    """Return the commit of the work tree, and whether its files were changed; without git, nothing is known."""
    try:
        return {
            "commit": _git("rev-parse", "HEAD"),
            "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "changed": True}


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()
