"""Courses of events around a worker that stands still at a point, is taken for dead, and goes on."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.servers import ChildProcess, wait_until
from tests.system.stand import QUEUE, Stand, registration, send_group


def many_commands_later(stand: Stand, domain: str, point: str, fence: int | None = None) -> None:
    """The owner stops at `point`; the standby applies its command and 70 more of that plugin.

    `fence`: what the plugin has before that.
    """
    of = {"domain_id": domain, "plugin_id": "jira"}
    _registered(stand, domain)
    if fence:
        stand.database["plugins"].update_one({"_id": f"{domain}/jira"}, {"$set": {"fence": fence}})
    if fence or point == "before_read":
        _new_owner(stand)
    stand.arm(point, action="stop")
    stand.send(f"{domain}-late", "update", **of, tags={"by": "late"})
    asleep = stand.fired()
    _other_owner(stand, asleep)

    for batch in (1, 2):
        stand.send_batch(f"{domain}-{batch}", _updates(of, f"{domain}-{batch}"))
    stand.send(f"{domain}-disable", "disable", **of)
    stand.answered(f"{domain}-late", f"{domain}-1", f"{domain}-2", f"{domain}-disable")

    _wake(stand, asleep, domain)


def group_later(stand: Stand, domain: str, point: str, nth: int) -> None:
    """The owner of a group stops at `point`; the standby applies all of it, and more than is remembered of one
    of its plugins.
    """
    of = {"domain_id": domain, "plugin_id": "jira"}
    stand.ready()
    stand.arm(point, nth, action="stop")
    sent = send_group(stand, domain)
    asleep = stand.fired()
    _other_owner(stand, asleep)

    for batch in (1, 2):
        stand.send_batch(f"{domain}-more-{batch}", _updates(of, f"{domain}-more-{batch}"))
    stand.send(f"{domain}-more", "disable", **of)
    stand.answered(*sent, f"{domain}-more-1", f"{domain}-more-2", f"{domain}-more")

    _wake(stand, asleep, domain)


def two_hundred_later(stand: Stand, domain: str, point: str, nth: int) -> None:
    """The owner of 200 commands for one plugin stops between two settlements; the standby applies the rest."""
    of = {"domain_id": domain, "plugin_id": "jira"}
    _registered(stand, domain)
    stand.arm(point, nth, action="stop")
    with stand.together():
        for number in range(1, 201):
            stand.send(f"{domain}-n{number}", "update", **of, tags={"n": number})
    asleep = stand.fired()
    _other_owner(stand, asleep)
    stand.answered(f"{domain}-n200")

    _wake(stand, asleep, domain)


def one_command_later(stand: Stand, domain: str) -> None:
    """The owner stops before its write; the standby applies its command and another one of that plugin."""
    of = {"domain_id": domain, "plugin_id": "jira"}
    _registered(stand, domain)
    stand.arm("before_write", action="stop")
    stand.send(f"{domain}-late", "update", **of, tags={"by": "late"})
    asleep = stand.fired()
    _other_owner(stand, asleep)
    stand.send(f"{domain}-labels", "update", **of, labels=["kept"])
    stand.answered(f"{domain}-late", f"{domain}-labels")

    _wake(stand, asleep, domain)


def batch_decided_again(stand: Stand, domain: str) -> None:
    """The owner of a batch stops after its write; its first item would have an effect if decided once more."""
    of = {"domain_id": domain, "plugin_id": "jira"}
    _registered(stand, domain)
    stand.arm("after_write", action="stop")
    stand.send_batch(f"{domain}-1", [(f"{domain}-a", "enable", of), (f"{domain}-b", "disable", of)])
    asleep = stand.fired()
    _other_owner(stand, asleep)
    stand.answered(f"{domain}-1")

    _wake(stand, asleep, domain)


def refused_meanwhile(stand: Stand, domain: str) -> None:
    """The owner stops before its write until the deadline of its command is past; the standby refuses it."""
    of = {"domain_id": domain, "plugin_id": "jira"}
    _registered(stand, domain)
    # It is not let at the command before its deadline.
    standby = stand.standby()
    standby.pause()
    expires = datetime.now(UTC) + timedelta(seconds=10)
    stand.arm("before_write", action="stop")
    stand.push("plugin.disable", of, f"{domain}-late", expires=expires.isoformat())
    stand.model.answers[f"{domain}-late"] = "DEADLINE_EXCEEDED"
    asleep = stand.fired()
    time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds() + 0.1))
    standby.resume()
    _other_owner(stand, asleep)
    stand.answered(f"{domain}-late")

    _wake(stand, asleep, domain)


def former_owner_settles(stand: Stand, domain: str) -> None:
    """The owner stops before its read. The standby refuses the same command, and ends before it has answered,
    but not before the first owner has seen that it is none any more, and has acknowledged.
    """
    _registered(stand, domain)
    # The standby is not let at the command before the second point is armed.
    standby = stand.standby()
    standby.pause()
    stand.arm("before_read", action="stop")
    stand.send(f"{domain}-late", "register", **registration(domain, "jira"))
    asleep = stand.fired()
    stand.arm("after_raise_fence", action="hang")
    standby.resume()
    taker = stand.fired()

    before = len(asleep.output())
    asleep.resume()
    told = "came too late"
    wait_until(lambda: told in asleep.output()[before:] or not _unacked(stand), 60, "an acknowledgement")
    taker.kill()
    stand.ready(2)
    if _unacked(stand) or stand.redis.llen("plugin.commands"):
        stand.answered(f"{domain}-late")


def _updates(of: dict[str, Any], batch: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(f"{batch}-{n}", "update", {**of, "tags": {"n": f"{batch}.{n}"}}) for n in range(35)]


def _new_owner(stand: Stand) -> None:
    """The owner ends in good order: the next one has to read what it wrote."""
    owner = stand.owner()
    assert owner is not None and owner.stop(timeout_s=60) == 0
    stand.ready()


def _registered(stand: Stand, domain: str) -> None:
    stand.ready()
    stand.send(f"{domain}-0", "register", **registration(domain, "jira"))
    stand.answered(f"{domain}-0")
    # Without `epoch_of_a_settlement`, the count of deliveries stays for ever.
    stand.settle(ignoring=f"{QUEUE}:returned")


def _other_owner(stand: Stand, asleep: ChildProcess) -> ChildProcess:
    """The one who has taken the queue from the one that stands still."""

    def found() -> ChildProcess | None:
        owner = stand.owner()
        return None if owner is asleep else owner

    owner = wait_until(found, 60, "a takeover")
    assert owner is not None
    return owner


def _wake(stand: Stand, asleep: ChildProcess, domain: str) -> None:
    """The one that stood still goes on, and serves again once the other one has ended in good order."""
    asleep.resume()
    for other in [worker for worker in stand.running() if worker is not asleep]:
        assert other.stop(timeout_s=60) == 0
    # It takes no other message before it is done with the late one.
    stand.send(f"{domain}-woken", "register", **registration(domain, "woken"))
    stand.answered(f"{domain}-woken")


def _unacked(stand: Stand) -> int:
    return int(stand.redis.hlen("plugin.commands:unacked"))
