"""An owner and a standby of the commands queue, which end or stop at points; and what was sent to them."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from redis import Redis

from tests.support import aftermath
from tests.support.messages import message
from tests.support.model import Model
from tests.support.servers import WORKER_READY, ChildProcess, start_worker, wait_until

QUEUE = "plugin.commands"
LEASE_S = 1

_tokens = itertools.count(1)


class Stand:
    """Workers of one deployment, with the protections `without` taken out, and groups of `group_max`."""

    def __init__(
        self, redis_url: str, mongodb_url: str, folder: Path, without: str = "", group_max: int = 256
    ) -> None:
        self.folder = folder
        self._gathered: list[bytes] | None = None
        self.point = folder / "point"
        self._armed = ""
        self.env = {
            "PLUGINS_REDIS_URL": redis_url,
            "PLUGINS_MONGODB_URL": mongodb_url,
            "PLUGINS_LEASE_S": str(LEASE_S),
            "TEST_POINT": str(self.point),
            "PLUGINS_GROUP_MAX": str(group_max),
            "TEST_WITHOUT": without,
        }
        self.redis = Redis.from_url(redis_url)
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(mongodb_url)
        self.database = self.mongo.get_default_database()
        self.workers: list[ChildProcess] = []
        self.model = Model()

    def close(self) -> None:
        self.stop()
        self.redis.close()
        self.mongo.close()

    # Workers

    def start(self, **env: str) -> ChildProcess:
        """One more worker, which need not be ready yet."""
        log = self.folder / f"worker-{len(list(self.folder.glob('worker-*')))}.log"
        env = {**self.env, **env}
        worker = start_worker("-Q", QUEUE, app="tests.system.points_app", env=env, log=log, ready=None)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """End every worker, as a crash does."""
        for worker in self.workers:
            worker.kill()

    def running(self) -> list[ChildProcess]:
        self.workers = [worker for worker in self.workers if worker.running]
        return self.workers

    def ready(self, count: int = 2) -> None:
        """`count` workers consume, and one of them owns the queue."""
        while len(self.running()) < count:
            self.start()
        for worker in self.workers:
            worker.wait_for_output(WORKER_READY, 60)
        wait_until(self.owner, 60, "an owner")

    def owner(self) -> ChildProcess | None:
        """The worker that has the lease, None while it is nobody who runs."""
        owner = self.redis.hget(f"{QUEUE}:lease", "owner")
        pid = int(owner.split(b":")[1]) if isinstance(owner, bytes) else 0
        return next((worker for worker in self.running() if worker.pid == pid), None)

    def standby(self) -> ChildProcess:
        owner = self.owner()
        return next(worker for worker in self.running() if worker is not owner)

    # Points

    def arm(self, point: str, nth: int = 1, action: str = "kill") -> None:
        """The process that passes `point` for the `nth` time from now on ends, or stops."""
        self._armed = f"{point} {nth} {action} {next(_tokens)}"
        order = self.point.with_name("order")
        order.write_text(self._armed)
        order.rename(self.point)

    def fired(self) -> ChildProcess:
        """The worker that has ended, stopped or hangs at the armed point, once it does."""

        def find() -> ChildProcess | None:
            for mark in self.folder.glob("fired-*"):
                _, action, pid = mark.name.split("-")
                for worker in self.workers:
                    if worker.pid == int(pid) and (action == "hang" or not worker.running or _stopped(pid)):
                        mark.unlink()
                        return worker
            return None

        return wait_until(find, 60, f"the point {self._armed}")

    # Commands

    def send(self, command_id: str, operation: str, **params: Any) -> None:
        """Send one command, and tell the model."""
        self.model.command(command_id, f"plugin.{operation}", params)
        self.push(f"plugin.{operation}", params, command_id)

    def send_batch(self, batch_id: str, items: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Send `(id, operation, params)` as one batch, and tell the model."""
        commands = [
            {"id": item_id, "operation": f"plugin.{operation}", "params": params}
            for item_id, operation, params in items
        ]
        self.model.batch(batch_id, commands)
        self.push("plugin.batch", {"commands": commands}, batch_id)

    def push(self, task: str, kwargs: dict[str, Any], command_id: str, **headers: Any) -> None:
        self.push_raw(message(task, kwargs, command_id, QUEUE, **headers))

    def push_raw(self, raw: bytes) -> None:
        if self._gathered is None:
            self.redis.lpush(QUEUE, raw)
        else:
            self._gathered.append(raw)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent meanwhile gets into the queue all at once, so that one pop finds it all."""
        gathered = self._gathered = list[bytes]()
        yield
        self._gathered = None
        self.redis.lpush(QUEUE, *gathered)

    def answered(self, *command_ids: str, within_s: float = 60.0) -> None:
        """Wait for the answers to these commands."""
        keys = [f"celery-task-meta-{command_id}" for command_id in command_ids]
        wait_until(lambda: self.redis.exists(*keys) == len(keys), within_s, f"answers to {command_ids}")

    def settle(self, within_s: float = 60.0, ignoring: str = "") -> None:
        """Wait until nothing is queued, unacked, parked or unpublished; what stays is found by `inspect`.

        `ignoring`: a key that may stay. Default: none.
        """
        may_stay = f"{ignoring}:"
        try:
            wait_until(lambda: all(left.startswith(may_stay) for left in self._leftovers()), within_s, "rest")
        except TimeoutError:
            return

    def _leftovers(self) -> list[str]:
        return aftermath.leftovers(self.redis, self.database, [QUEUE])

    def inspect(self, within_s: float = 60.0) -> aftermath.Aftermath:
        """All that is wrong, once there is rest."""
        self.settle(within_s)
        return aftermath.inspect(self.model, self.redis, self.database, [QUEUE])


def _stopped(pid: str) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    # It has ended meanwhile, and is found so the next time.
    return False


@contextmanager
def standing(
    redis_url: str, mongodb_url: str, folder: Path, without: str = "", group_max: int = 256
) -> Iterator[Stand]:
    """A stand for a with statement."""
    stand = Stand(redis_url, mongodb_url, folder, without, group_max)
    try:
        yield stand
    finally:
        stand.close()


def registration(domain: str, plugin: str, **fields: Any) -> dict[str, Any]:
    """What a register of `plugin` carries."""
    given = {"name": plugin, "service_type": "notification.Protocol", "image": f"acme/{plugin}"}
    return {"domain_id": domain, **given, **fields}


def send_story(stand: Stand, domain: str) -> list[str]:
    """One command of every kind, each with an effect, then a batch; their ids in the order sent."""
    of = {"domain_id": domain, "plugin_id": "jira"}
    stand.send(f"{domain}-1", "register", **registration(domain, "jira", tags={"n": 0}))
    stand.send(f"{domain}-2", "update", **of, tags={"n": 1})
    stand.send(f"{domain}-3", "disable", **of)
    batch: list[tuple[str, str, dict[str, Any]]] = [
        (f"{domain}-4a", "enable", of),
        (f"{domain}-4b", "update", {**of, "tags": {"n": 2}, "labels": ["x"]}),
        (f"{domain}-4c", "register", registration(domain, "slack")),
        (f"{domain}-4d", "register", registration(domain, "jira")),
    ]
    stand.send_batch(f"{domain}-4", batch)
    stand.send(f"{domain}-5", "deregister", **of)
    return [f"{domain}-{number}" for number in range(1, 6)]


def send_group(stand: Stand, domain: str) -> list[str]:
    """Commands for several plugins that wait together, some in a batch: some are refused, or change nothing, and
    are followed by others that change the same plugin. Their ids in the order sent.
    """
    jira, mail = ({"domain_id": domain, "plugin_id": plugin} for plugin in ("jira", "mail"))
    batch: list[tuple[str, str, dict[str, Any]]] = [
        (f"{domain}-6a", "enable", jira),
        (f"{domain}-6b", "update", {**jira, "tags": {"n": 2}, "labels": ["x"]}),
        (f"{domain}-6c", "register", registration(domain, "slack")),
        (f"{domain}-6d", "register", registration(domain, "jira")),
        (f"{domain}-6e", "enable", jira),
        (f"{domain}-6f", "disable", mail),
    ]
    with stand.together():
        stand.send(f"{domain}-1", "register", **registration(domain, "jira", tags={"n": 0}))
        stand.send(f"{domain}-2", "register", **registration(domain, "mail"))
        stand.send(f"{domain}-3", "update", **jira, tags={"n": 1})
        stand.send(f"{domain}-4", "enable", **jira)
        stand.send(f"{domain}-5", "disable", **jira)
        stand.send_batch(f"{domain}-6", batch)
        stand.send(f"{domain}-7", "enable", **mail)
        stand.send(f"{domain}-8", "enable", domain_id=domain, plugin_id="nobody")
        stand.send(f"{domain}-9", "register", **registration(domain, "jira"))
        stand.send(f"{domain}-10", "deregister", **jira)
        stand.send(f"{domain}-11", "update", **jira, tags={"n": 3})
        stand.send(f"{domain}-12", "register", **registration(domain, "jira"))
    return [f"{domain}-{number}" for number in range(1, 13)]
