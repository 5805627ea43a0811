"""The scenes of the demo: each command, its reply, and the events, as they happen."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import redis

from contracts.client import PluginClient
from contracts.errors import ContractError, PluginNotFound
from contracts.subscriber import Event, Gap, Subscriber
from worker import terminal
from worker.devtools.embedded import wait_until

PATIENCE_S = 15.0
_WIDEST = 84

EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
"""The requests of the API text, and the versions that the registry of the demo has."""

DOMAIN = "domain-123456789012"
JIRA, HOOK = "plugin-jira-noti-protocol", "plugin-aws-sns-mon-webhook"


class DemoFailed(Exception):
    """Raised when something did not happen as it should; the text says what."""


class DemoClient:
    """Sends commands, and shows them, their replies, and every event until ``close``."""

    def __init__(self, redis_url: str) -> None:
        self.commands = 0
        self.events: list[tuple[str, int]] = []
        self._client = PluginClient(redis_url)
        self._stream = redis.Redis.from_url(redis_url)
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        subscriber = Subscriber(self._stream, "demo", "demo-1", self._show_event, on_gap=_fail_on_gap)
        self._listening = self._thread.submit(subscriber.run, self._stop.is_set, 0.2)

    def close(self) -> None:
        """End the subscriber and close every connection."""
        self._stop.set()
        self._thread.shutdown()
        self._stream.close()
        self._client.close()

    def ask(self, operation: str, expected: Mapping[str, Any] | None = None, **params: Any) -> None:
        """Send a command, show it and its reply; the reply must hold what is ``expected``."""
        self._show_command(operation, params)
        try:
            reply = self._client.ask(operation, timeout_s=PATIENCE_S, domain_id=DOMAIN, **params)
        except ContractError as error:
            _show("refused", str(error), "yellow")
            raise
        _show("reply", _reply_text(reply), "green")
        for name, value in (expected or {}).items():
            if reply.get(name) != value:
                raise DemoFailed(f"{name} is {reply.get(name)!r} and not {value!r}")

    def batch(self, *commands: tuple[str, dict[str, Any]]) -> None:
        """Send many writes at once, and show the outcome of each."""
        for operation, params in commands:
            self._show_command(operation, params)
        items = [{"operation": name, "params": {"domain_id": DOMAIN, **params}} for name, params in commands]
        for outcome in self._client.batch(items, timeout_s=PATIENCE_S):
            if outcome.error:
                _show("refused", str(outcome.error), "yellow")
            else:
                _show("reply", _reply_text(outcome.result or {}), "green")

    def await_event(self, subject: str, revision: int) -> None:
        """Wait until the event was shown."""
        seen = (subject, revision)
        try:
            wait_until(lambda: seen in self.events or self._listening.done(), PATIENCE_S)
        except TimeoutError:
            text = f"the event {subject}@{revision} did not come within {PATIENCE_S:g} s"
            raise DemoFailed(text) from None
        if self._listening.done():
            error = self._listening.exception()
            raise DemoFailed(f"the event stream cannot be read: {error}") from error

    def _show_command(self, operation: str, params: Mapping[str, Any]) -> None:
        self.commands += 1
        _show("command", f"plugin.{operation}  {_brief(params)}", "cyan")

    def _show_event(self, event: Event) -> None:
        what = event.data.get("change") or (
            f"versions +{len(event.data['added'])}, latest {event.data['latest']}"
        )
        _show("event", f"{event.subject}@{event.revision}  {what}", "magenta")
        self.events.append((event.subject, event.revision))


def play(redis_url: str) -> None:
    """Send every operation of the API text.

    Raises:
        DemoFailed: something did not happen as it should.
        ContractError, AskTimeout, RedisUnavailable: a command was refused or not answered.
    """
    with closing(DemoClient(redis_url)) as demo:
        _play(demo)


def _play(demo: DemoClient) -> None:
    update, webhook = EXAMPLES["update"], EXAMPLES["webhook"]
    say("Register a plugin. Each change is answered to its caller, and published as an event for everybody.")
    demo.ask("register", **EXAMPLES["register"])
    demo.await_event(f"{DOMAIN}/{JIRA}", 1)
    say("Update it. Fields are replaced as a whole. Only the labels are new here, so only they change.")
    demo.ask("update", plugin_id=JIRA, **update | {"labels": [*update["labels"], "issue"]})
    demo.await_event(f"{DOMAIN}/{JIRA}", 2)
    say("Register another one. A worker reads the versions of both images from their registry.")
    demo.ask("register", **webhook)
    demo.await_event(f"{DOMAIN}/{HOOK}", 1)
    for image in EXAMPLES["tags"]:
        demo.await_event(f"images/registry.hub.docker.com/{image}", 1)
    say("Show it, and its versions, newest first.")
    demo.ask("get", plugin_id=HOOK)
    demo.ask("get_versions", {"results": ["v1.2", "1.1", "1.0"], "sync_state": "ok"}, plugin_id=HOOK)
    say("Disable it. A service that runs plugins learns from the event that it must not start this one.")
    demo.ask("disable", {"state": "DISABLED"}, plugin_id=HOOK)
    demo.await_event(f"{DOMAIN}/{HOOK}", 2)
    say("Find plugins by query, and count them by state.")
    enabled = {"filter": [{"k": "state", "v": "ENABLED", "o": "eq"}], "only": ["name", "state"]}
    demo.ask("list", {"total_count": 1}, query=enabled)
    count = {"keys": [{"k": "state", "n": "state"}], "fields": [{"n": "plugins", "o": "count"}]}
    demo.ask("stat", query={"aggregate": [{"group": count}, {"sort": {"key": "state"}}]})
    say("Enable and remove it. The reply is the plugin as it was, at revision 3; its removal is revision 4.")
    demo.ask("enable", {"state": "ENABLED"}, plugin_id=HOOK)
    demo.ask("deregister", plugin_id=HOOK)
    demo.await_event(f"{DOMAIN}/{HOOK}", 4)
    say("From now on, commands for it are refused.")
    with suppress(PluginNotFound):
        demo.ask("get", plugin_id=HOOK)
        raise DemoFailed("plugin.get of a removed plugin was not refused")
    say(
        "Send many writes at once: each stands alone. A plugin that comes back continues its revisions, at 5."
    )
    demo.batch(
        ("register", webhook),
        ("disable", {"plugin_id": JIRA}),
        ("enable", {"plugin_id": "plugin-that-is-not-there"}),
    )
    demo.await_event(f"{DOMAIN}/{HOOK}", 5)
    demo.await_event(f"{DOMAIN}/{JIRA}", 3)
    say(f"{demo.commands} commands, {len(demo.events)} events, each once and in order.")


def say(text: str) -> None:
    """Write a line of explanation."""
    terminal.say("")
    terminal.say(terminal.Coloured(text, None, bold=True))


def _fail_on_gap(gap: Gap) -> None:
    raise DemoFailed(f"{gap.subject}: revision {gap.next} came after {gap.last}")


def _show(kind: str, text: str, colour: str) -> None:
    indent = " " * 12 if kind == "event" else ""
    terminal.say(indent, terminal.Coloured(f"{kind:<9}", colour), text)


def _reply_text(reply: Mapping[str, Any]) -> str:
    """Return what matters of a reply: a plugin's state and revision, or the results of a read."""
    if "results" in reply:
        return "; ".join(row if isinstance(row, str) else _brief(row) for row in reply["results"])
    labels = f", labels {', '.join(reply['labels'])}" if reply.get("labels") else ""
    return f"{reply['plugin_id']} is {reply['state']} at revision {reply['revision']}{labels}"


def _brief(fields: Mapping[str, Any]) -> str:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return "  ".join(f"{name}={text if len(text) <= _WIDEST else '...'}" for name, text in texts.items())
