"""What the demo shows: each command, its reply, and the events that follow, as they happen."""

import json
import threading
import time
from typing import Any

import click
import redis

from contracts.client import PluginClient
from contracts.errors import ContractError, VersionsPending
from contracts.events import STREAM
from contracts.subscriber import Event, entries_of, read_event

PATIENCE_S = 15.0
_WIDEST = 96
_FIRST = ("plugin_id", "state", "revision", "labels")


class DemoFailed(Exception):
    """Raised when something did not happen as it should; the text says what."""


class Stage:
    """Sends commands and shows them; the events come from a thread of their own, by the stream."""

    def __init__(self, client: PluginClient, url: str, domain_id: str) -> None:
        self.events: list[Event] = []
        self.commands = 0
        self._client = client
        self._url = url
        self._domain = domain_id
        self._came = threading.Condition()
        self._ending = threading.Event()
        self._fault: Exception | None = None
        self._listener = threading.Thread(target=self._listen, name="events", daemon=True)

    def open(self) -> None:
        """Begin to show events."""
        self._listener.start()

    def close(self) -> None:
        """End the thread of the events."""
        self._ending.set()
        self._listener.join()

    def say(self, text: str) -> None:
        """A line of explanation."""
        click.echo()
        click.secho(text, bold=True)

    def ask(self, operation: str, **params: Any) -> Any:
        """Send a command, show it and its reply, and return the reply."""
        self._show("command", f"plugin.{operation}  {_short(params)}", "cyan")
        self.commands += 1
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._client.ask(operation, timeout_s=PATIENCE_S, domain_id=self._domain, **params)
            except VersionsPending:
                if time.monotonic() > deadline:
                    raise
                continue
            self._show("reply", _short(answer), "green")
            return answer

    def refused(self, operation: str, code: str, **params: Any) -> None:
        """Send a command that must be refused with ``code``."""
        try:
            self.ask(operation, **params)
        except ContractError as refusal:
            self._show("refused", str(refusal), "yellow")
            if refusal.code == code:
                return
            raise DemoFailed(f"plugin.{operation} was refused with {refusal.code}, not {code}") from refusal
        raise DemoFailed(f"plugin.{operation} was not refused")

    def batch(self, commands: list[dict[str, Any]]) -> None:
        """Send many writes at once and show what became of each."""
        for command in commands:
            command["params"]["domain_id"] = self._domain
            self._show("command", f"plugin.{command['operation']}  {_short(command['params'])}", "cyan")
        self.commands += len(commands)
        for outcome in self._client.batch(commands, timeout_s=PATIENCE_S):
            if outcome.error:
                self._show("refused", str(outcome.error), "yellow")
            else:
                self._show("reply", _short(outcome.result), "green")

    def await_event(self, subject: str, revision: int) -> Event:
        """Wait until an event was shown."""

        def found() -> Event | None:
            if self._fault:
                raise DemoFailed(f"the event stream cannot be read: {self._fault}") from self._fault
            return next((e for e in self.events if (e.subject, e.revision) == (subject, revision)), None)

        with self._came:
            event = self._came.wait_for(found, PATIENCE_S)
        if event is None:
            raise DemoFailed(f"the event {subject}@{revision} did not come within {PATIENCE_S:g} s")
        return event

    def _listen(self) -> None:
        try:
            with redis.Redis.from_url(self._url) as client:
                last: Any = "0"
                while not self._ending.is_set():
                    for entry, fields in entries_of(client.xread({STREAM: last}, block=200)):
                        last = entry
                        self._tell(read_event(entry.decode(), fields))
        except Exception as fault:  # noqa: BLE001 - told by the thread that waits for the events
            with self._came:
                self._fault = fault
                self._came.notify_all()

    def _tell(self, event: Event) -> None:
        change = event.data.get("change")
        what = change or f"versions +{len(event.data['added'])}, latest {event.data['latest']}"
        self._show("event", f"{event.subject}@{event.revision}  {what}", "magenta")
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def _show(self, kind: str, text: str, colour: str) -> None:
        indent = " " * 12 if kind == "event" else ""
        click.echo(f"{indent}{click.style(f'{kind:<9}', fg=colour)}{text}")


def _short(value: Any) -> str:
    """The beginning of a message; of a plugin, what changes comes first."""
    if isinstance(value, dict):
        value = {name: value[name] for name in _FIRST if name in value} | value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 4] + " ..."
