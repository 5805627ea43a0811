"""What several cases share: plugins that exist, workers that are warm, and what a bare worker does."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.answers import Window, drain, settle
from tests.bench.case import Plan
from tests.bench.load import Message, batches, gets, noops, push, registration
from tests.bench.servers import Servers
from tests.support.servers import ChildProcess

PLUGINS = [f"known-{number}" for number in range(200)]
_WARM = 200


@contextmanager
def commands_worker(servers: Servers) -> Iterator[ChildProcess]:
    """Run a commands worker that is warm and has nothing to do; the store has 200 plugins."""
    servers.empty()
    with servers.worker("commands") as worker:
        settle(servers, [worker], batches("plugin.register", map(registration, PLUGINS)))
        yield worker


def register_plugins(servers: Servers) -> None:
    """Leave 200 plugins in servers that are empty otherwise."""
    with commands_worker(servers):
        pass


@contextmanager
def reader(servers: Servers) -> Iterator[ChildProcess]:
    """Run a queries worker that is warm; the plugins must exist."""
    with servers.worker("queries") as worker:
        settle(servers, [worker], reads(_WARM))
        yield worker


@contextmanager
def bare_reader(servers: Servers) -> Iterator[ChildProcess]:
    """Run a worker of nothing but Celery that is warm, with the pool of a queries worker."""
    with servers.bare_worker("queries") as worker:
        settle(servers, [worker], noops(_WARM))
        yield worker


def reads(count: int) -> list[Message]:
    return gets(count, PLUGINS)


def drain_noops(servers: Servers, plan: Plan) -> Window:
    """Measure a worker of nothing but Celery that finds tasks waiting, with the pool of a commands worker."""
    servers.empty()
    sent = noops(plan.size(4_000, 600))
    push(servers.redis, sent)
    with servers.bare_worker("commands") as worker:
        return drain(servers, [worker], sent)


def busy(window: Window) -> dict[str, float]:
    """Return how much of a core each process used, by the name of its metric."""
    return {f"{name} busy": cores for name, cores in window.busy.items()}


BUSY = {"worker busy": "cores", "mongod busy": "cores", "redis busy": "cores"}
"""The units of what ``busy`` returns."""
