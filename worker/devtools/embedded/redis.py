"""A redis-server (or valkey-server) of our own on the loopback interface."""

from pathlib import Path
from typing import Literal, Self

from redis import Redis
from redis.exceptions import RedisError

from worker.devtools.embedded.binaries import Binary, find_redis
from worker.devtools.embedded.errors import ServerFailed
from worker.devtools.embedded.ports import free_port
from worker.devtools.embedded.process import ChildProcess, wait_until


class RedisServer(ChildProcess):
    """A redis-server that keeps its data in ``directory``, on 127.0.0.1, in protected mode.

    ``port``: default: a free one, kept over restarts. ``appendfsync``: when the append-only file reaches the
    disk; ``always``: no answered write is ever lost; ``everysec``: the last second or two may be lost; None:
    nothing is kept. ``maxmemory``: such as ``256mb``; ``0`` is no limit. It never evicts.
    ``start`` returns when it answers, and refuses a folder whose data this server cannot read.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        appendfsync: Literal["always", "everysec", "no"] | None = "everysec",
        maxmemory: str = "0",
        binary: Binary | None = None,
        log: Path | None = None,
    ) -> None:
        self.binary = binary or find_redis()
        self.port = port or free_port()
        self.directory = directory
        persistence = ["--appendonly", "no"]
        if appendfsync is not None:
            persistence = ["--appendonly", "yes", "--appendfsync", appendfsync]
        super().__init__(
            [
                str(self.binary.path),
                *("--bind", "127.0.0.1"),
                *("--port", str(self.port)),
                *("--protected-mode", "yes"),
                *("--daemonize", "no"),
                *("--dir", str(directory.absolute())),
                *("--maxmemory", maxmemory),
                *("--maxmemory-policy", "noeviction"),
                *("--save", ""),
                *persistence,
            ],
            log=log or directory / "redis.log",
            name="redis",
        )

    @property
    def url(self) -> str:
        """Its URL, with database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, timeout_s: float = 30.0) -> Self:
        """Start it, and wait until it has loaded its data and answers.

        Raises:
            ServerFailed: it ended, did not answer in time, or cannot read the data folder.
        """
        self._check_readable()
        self.directory.mkdir(parents=True, exist_ok=True)
        super().start()
        try:
            wait_until(self._answers, timeout_s, "redis")
        except TimeoutError as error:
            self.kill()
            raise ServerFailed(f"redis was not ready in {timeout_s:g} s:\n{self.tail(8)}") from error
        return self

    def _check_readable(self) -> None:
        """Redis before 7 ignores the append-only files of a newer one, and starts empty beside them."""
        files = self.directory / "appendonlydir"
        if self.binary.version < (7,) and files.is_dir() and any(files.iterdir()):
            raise ServerFailed(
                f"{self.directory} holds the data of Redis 7 or newer, which {self.binary.path} "
                f"({self.binary.version_text}) cannot read: put redis-server 7 or newer on PATH, "
                "or use another data folder"
            )

    def _answers(self) -> bool:
        if not self.running:
            raise ServerFailed(f"redis ended with status {self.returncode}:\n{self.tail(8)}")
        with Redis(port=self.port, socket_connect_timeout=1, socket_timeout=2) as client:
            try:
                # Another server may have that port: only our own process counts.
                return bool(client.info("server")["process_id"] == self.pid)
            except (RedisError, OSError):
                return False
