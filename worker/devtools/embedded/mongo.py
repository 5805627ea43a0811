"""A mongod of our own on the loopback interface, and replica sets of such."""

import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from worker.devtools.embedded.binaries import Binary, find_mongod
from worker.devtools.embedded.errors import ServerFailed
from worker.devtools.embedded.ports import free_port
from worker.devtools.embedded.process import ChildProcess, wait_until

NOT_YET_INITIALIZED = 94


class MongoServer(ChildProcess):
    """One mongod, a member of a replica set, with its data in ``directory``, on 127.0.0.1.

    ``port``: default: a free one, kept over restarts. ``cache_gb``: the limit of its cache, in GiB.
    ``start`` returns when it answers; ``MongoReplicaSet`` makes it a replica set.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        replica_set: str = "rs0",
        cache_gb: float = 0.25,
        binary: Binary | None = None,
        log: Path | None = None,
    ) -> None:
        self.binary = binary or find_mongod()
        self.port = port or free_port()
        self.directory = directory
        self.replica_set = replica_set
        super().__init__(
            [
                str(self.binary.path),
                *("--bind_ip", "127.0.0.1"),
                *("--port", str(self.port)),
                *("--dbpath", str(directory.absolute())),
                *("--replSet", replica_set),
                *("--wiredTigerCacheSizeGB", str(cache_gb)),
                "--nounixsocket",
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            ],
            log=log or directory.with_name(directory.name + ".log"),
            name="mongodb",
        )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self, timeout_s: float = 5.0) -> MongoClient[dict[str, Any]]:
        """Return a client of this member alone; the caller closes it."""
        milliseconds = int(timeout_s * 1000)
        return MongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
        )

    def start(self, timeout_s: float = 60.0) -> Self:
        """Start it and wait until it answers.

        Raises:
            ServerFailed: it ended, or did not answer in time; the message quotes its log.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        super().start()
        try:
            wait_until(self._answers, timeout_s, "mongodb")
        except TimeoutError as error:
            self.kill()
            raise ServerFailed(f"mongodb was not ready in {timeout_s:g} s:\n{self._reason()}") from error
        return self

    def _answers(self) -> bool:
        if not self.running:
            raise ServerFailed(f"mongodb ended with status {self.returncode}:\n{self._reason()}")
        with self.client(timeout_s=1.0) as client, suppress(PyMongoError):
            # Another server may have that port: only our own process counts.
            return bool(client.admin.command("serverStatus", repl=0, metrics=0)["pid"] == self.pid)
        return False

    def _reason(self) -> str:
        """Return the errors in its log (JSON lines) since the last start, else its last lines."""
        found = []
        for line in self.output(since_start=True).splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if entry.get("s") in ("E", "F"):
                    found.append(f"{entry.get('msg')} {json.dumps(entry.get('attr', {}))[:600]}")
        return "\n".join(found[:5]) or self.tail(8)


class MongoReplicaSet:
    """A replica set of ``members`` mongods under ``directory``; a context manager: started, then stopped.

    ``ports``: default: free ones; a data folder that was used with other ports is reconfigured.
    ``election_timeout_ms``: how long the others wait for a silent primary before they elect a new one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        members: int = 1,
        ports: list[int] | None = None,
        name: str = "rs0",
        election_timeout_ms: int = 10_000,
        cache_gb: float = 0.25,
        log: Path | None = None,
    ) -> None:
        binary = find_mongod()
        self.name = name
        self.election_timeout_ms = election_timeout_ms
        self.members = [
            MongoServer(
                directory / f"member{index}" if members > 1 else directory,
                port=ports[index] if ports else None,
                replica_set=name,
                cache_gb=cache_gb,
                binary=binary,
                log=log,
            )
            for index in range(members)
        ]

    def url(self, database: str = "plugins") -> str:
        """Return its URL, with every member and the database."""
        addresses = ",".join(member.address for member in self.members)
        return f"mongodb://{addresses}/{database}?replicaSet={self.name}"

    def start(self, timeout_s: float = 60.0) -> Self:
        """Start all members, initiate the set if it is new, and wait for a primary.

        Raises:
            ServerFailed: a member or the election failed; the message quotes the logs.
        """
        try:
            for member in self.members:
                member.start(timeout_s)
            self._configure()
            self.wait_for_primary(timeout_s)
        except BaseException:
            self.kill()
            raise
        return self

    def primary(self) -> MongoServer | None:
        """Return the member that is the writable primary, None while there is none."""
        for member in self.members:
            if not member.running:
                continue
            with member.client(timeout_s=1.0) as client, suppress(PyMongoError):
                if client.admin.command("hello").get("isWritablePrimary"):
                    return member
        return None

    def wait_for_primary(self, timeout_s: float = 60.0) -> MongoServer:
        """Wait until a member is the writable primary, and return it.

        Raises:
            ServerFailed: there is none after ``timeout_s``.
        """
        try:
            return wait_until(self.primary, timeout_s, "a primary") or self.members[0]
        except TimeoutError as error:
            logs = "\n".join(member.tail(5) for member in self.members)
            raise ServerFailed(f"mongodb elected no primary in {timeout_s:g} s:\n{logs}") from error

    def stop(self) -> None:
        """Stop all members cleanly."""
        # The primary stops last, so that there is no election.
        primary = self.primary() if len(self.members) > 1 else None
        for member in sorted(self.members, key=lambda member: member is primary):
            if member.running:
                member.stop()

    def kill(self) -> None:
        """Send SIGKILL to all members that run."""
        for member in self.members:
            if member.running:
                member.kill()

    def _configure(self) -> None:
        hosts = [{"_id": index, "host": member.address} for index, member in enumerate(self.members)]
        with self.members[0].client(timeout_s=30) as client:
            try:
                config = client.admin.command("replSetGetConfig")["config"]
            except OperationFailure as error:
                if error.code != NOT_YET_INITIALIZED:
                    raise
                settings = {"electionTimeoutMillis": self.election_timeout_ms}
                client.admin.command(
                    "replSetInitiate", {"_id": self.name, "members": hosts, "settings": settings}
                )
                return
            if [member["host"] for member in config["members"]] != [host["host"] for host in hosts]:
                config["members"] = hosts
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
