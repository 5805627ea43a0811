"""`contracts.client` in processes that forked after its first use, as servers do that load before they fork."""

import subprocess
import sys

from tests.support.live import Live
from tests.support.servers import ROOT

ASKING = """
import os, sys
from contracts.client import PluginClient
from contracts.errors import PluginNotFound

def ask(name):
    for n in range(20):
        try:
            client.ask("get", timeout_s=30, domain_id="forks", plugin_id=f"{name}-{n}")
        except PluginNotFound as refusal:
            assert refusal.details["plugin_id"] == f"{name}-{n}", refusal.details
    asked = {f"{name}-many-{n}": {"domain_id": "forks", "plugin_id": f"{name}-{n}"} for n in range(300)}
    commands = [{"id": id, "operation": "get", "params": params} for id, params in asked.items()]
    for outcome in client.ask_many(commands, window=50):
        assert outcome.error.details["plugin_id"] == asked.pop(outcome.id)["plugin_id"]
    assert not asked

client = PluginClient(sys.argv[1])
ask("first")
children = []
for number in range(3):
    if not (child := os.fork()):
        with client:
            ask(f"child-{number}")
        os._exit(0)
    children.append(child)
ask("parent")
ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
ask("parent-again")  # its children have closed theirs
client.close()
sys.exit(any(ended))
"""


def test_each_process_gets_its_own_answers(live: Live) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ASKING, live.redis_url], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
