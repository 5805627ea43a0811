"""The scenes of the demo, in order."""

from typing import Any

from worker.devtools.demo.examples import DOMAIN, JIRA_ID, REGISTER, TAGS, UPDATE, WEBHOOK, WEBHOOK_ID
from worker.devtools.demo.stage import DemoFailed, Stage

JIRA = f"{DOMAIN}/{JIRA_ID}"
HOOK = f"{DOMAIN}/{WEBHOOK_ID}"


def play(stage: Stage) -> None:
    """Send every operation of the API text; raises ``DemoFailed`` or an error of the contracts."""
    stage.say("A plugin is registered. Each change is answered to its caller and announced to everybody.")
    stage.ask("register", **REGISTER)
    stage.await_event(JIRA, 1)
    stage.say("Fields are replaced whole. What is already so makes no event: only the label changes here.")
    stage.ask("update", plugin_id=JIRA_ID, **UPDATE | {"labels": [*UPDATE["labels"], "issue"]})
    stage.await_event(JIRA, 2)
    stage.say("Another one, as a look at it shows, and its versions, newest first, read from its registry.")
    stage.ask("register", **WEBHOOK)
    stage.await_event(HOOK, 1)
    stage.ask("get", plugin_id=WEBHOOK_ID)
    _versions(stage)
    stage.say("Who runs plugins must not start a disabled one, and learns of it from the event.")
    _expect(stage.ask("disable", plugin_id=WEBHOOK_ID), state="DISABLED")
    stage.await_event(HOOK, 2)
    stage.say("Plugins are found by query, and counted.")
    _expect(
        stage.ask("list", query={"filter": [{"k": "state", "v": "ENABLED", "o": "eq"}], "only": ["name"]}),
        total_count=1,
    )
    count = {"keys": [{"k": "state", "n": "state"}], "fields": [{"n": "plugins", "o": "count"}]}
    stage.ask("stat", query={"aggregate": [{"group": count}, {"sort": {"key": "state"}}]})
    stage.say("Enabled again, and removed. Removed is removed: the next command for it is refused.")
    _expect(stage.ask("enable", plugin_id=WEBHOOK_ID), state="ENABLED")
    stage.ask("deregister", plugin_id=WEBHOOK_ID)
    stage.await_event(HOOK, 4)
    stage.refused("get", "NOT_FOUND", plugin_id=WEBHOOK_ID)
    stage.say("Many writes at once: each stands alone, and a removed plugin goes on where it ended.")
    stage.batch(
        [
            {"operation": "register", "params": dict(WEBHOOK)},
            {"operation": "disable", "params": {"plugin_id": JIRA_ID}},
            {"operation": "enable", "params": {"plugin_id": "plugin-that-is-not-there"}},
        ]
    )
    stage.await_event(HOOK, 5)
    stage.await_event(JIRA, 3)
    _check_order(stage)


def _versions(stage: Stage) -> None:
    answer = stage.ask("get_versions", plugin_id=WEBHOOK_ID)
    _expect(answer, results=["v1.2", "1.1", "1.0"], sync_state="ok")
    for image in TAGS:
        stage.await_event(f"images/registry.hub.docker.com/{image}", 1)


def _expect(answer: dict[str, Any], **fields: Any) -> None:
    for name, value in fields.items():
        if answer.get(name) != value:
            raise DemoFailed(f"{name} is {answer.get(name)!r} and not {value!r}")


def _check_order(stage: Stage) -> None:
    """Every subject's revisions came from 1 on, each once and in order."""
    last: dict[str, int] = {}
    for event in stage.events:
        if event.revision != last.get(event.subject, 0) + 1:
            raise DemoFailed(f"{event.subject}: {event.revision} came after {last.get(event.subject, 0)}")
        last[event.subject] = event.revision
