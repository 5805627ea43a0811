"""Letters of messages above 8 MiB: their beginning, and letters of before that have all of it in GridFS."""

from typing import Any

import pytest
from bson.objectid import ObjectId
from gridfs import GridFSBucket

from tests.support.parked import AT, Parked
from worker.dead_letters.replay import Replay
from worker.domain.dead_letter import DeadLetter
from worker.services import Services
from worker.transport.cut import KEPT_OF_LARGER, KEPT_WHOLE, cut
from worker.transport.encode import task_message

JIRA = {"domain_id": "d-1", "plugin_id": "jira"}


def read(services: Services, name: str) -> DeadLetter:
    letter = services.dead_letters.read(name)
    assert letter is not None
    return letter


def replay(services: Services, name: str, **options: Any) -> object:
    push = lambda queue, raw: None  # noqa: E731  # never called
    return Replay(services.dead_letters, services.plugins, push, 1).replay(name, **options).objection


@pytest.mark.parametrize(("size", "is_cut"), [(KEPT_WHOLE, False), (KEPT_WHOLE + 1, True)])
def test_a_message_above_8_mib_is_kept_as_its_beginning(services: Services, size: int, is_cut: bool) -> None:
    raw = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    services.parking.store([Parked("p-1", raw, reason="oversize")])
    letter = read(services, "p-1")
    assert letter.raw == (raw[:KEPT_OF_LARGER] if is_cut else raw)
    assert (letter.size, letter.digest) == (size, cut(raw).digest)
    assert (letter.digest is not None) is is_cut
    assert letter.junk
    assert services.database["dead_letters.files"].count_documents({}) == 0


def test_a_message_that_redis_has_cut_keeps_the_size_and_the_digest_it_came_with(services: Services) -> None:
    services.parking.store([Parked("p-1", b"[" * 100, reason="oversize", cut_from=2**29, digest="a" * 40)])
    letter = read(services, "p-1")
    assert (letter.raw, letter.size, letter.digest) == (b"[" * 100, 2**29, "a" * 40)


def test_a_cut_letter_is_not_replayed_not_even_with_force(services: Services) -> None:
    # Its beginning alone may read like a whole message.
    raw = task_message("plugin.disable", "c-1", JIRA, "plugin.commands") + b" " * KEPT_WHOLE
    services.parking.store([Parked("p-1", raw, reason="oversize")])
    assert read(services, "p-1").task == "plugin.disable"
    assert replay(services, "p-1") == replay(services, "p-1", force=True, token="x") == "cut"
    assert read(services, "p-1").replayed_at is None


def test_a_command_that_met_a_bug_is_cut_too(services: Services) -> None:
    fault = services.parking.keep("c-1", "plugin.list", "plugin.queries", b"x" * (KEPT_WHOLE + 1), KeyError())
    letter = read(services, str(fault.details["dead_letter_id"]))
    assert (len(letter.raw), letter.size, letter.junk) == (KEPT_OF_LARGER, KEPT_WHOLE + 1, False)


@pytest.fixture
def letter_of_before(services: Services) -> bytes:
    """A letter as the version before stored it, with its message in GridFS; returns the message."""
    raw = task_message("plugin.disable", "c-1", JIRA, "plugin.commands") + b" " * 9_000_000
    file: ObjectId = GridFSBucket(services.database, "dead_letters").upload_from_stream("p-1", raw)
    services.database["dead_letters"].insert_one(
        {
            "_id": "p-1",
            "queue": "plugin.commands",
            "reason": "oversize",
            "error": "",
            "size": len(raw),
            "task": None,
            "command_id": None,
            "headers": "{}",
            "stripped": False,
            "plugins": [],
            "parked_at": AT,
            "first_at": AT,
            "attempts": 1,
            "file": file,
        }
    )
    return raw


def pieces(services: Services) -> int:
    names = ("dead_letters.files", "dead_letters.chunks")
    return sum(services.database[name].count_documents({}) for name in names)


def test_a_letter_of_before_is_read_and_removed_with_its_pieces(
    services: Services, letter_of_before: bytes
) -> None:
    letter = read(services, "p-1")
    assert (letter.raw, letter.size, letter.digest) == (letter_of_before, len(letter_of_before), None)
    # Only what is known to be junk is.
    assert not letter.junk
    assert replay(services, "p-1") == "unreadable"
    assert services.dead_letters.remove([letter]) == 1
    assert pieces(services) == 0


def test_a_letter_of_before_that_is_parked_again_leaves_no_pieces_behind(
    services: Services, letter_of_before: bytes
) -> None:
    services.dead_letters.keep(DeadLetter("p-1", "plugin.commands", "fault", "bug", b"short", AT))
    letter = read(services, "p-1")
    assert (letter.raw, letter.attempts) == (b"short", 2)
    assert pieces(services) == 0
