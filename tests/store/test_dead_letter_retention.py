"""The caps of dead letters on a real MongoDB: junk goes first, the oldest of it, and nothing readable ever."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from tests.support.parked import AT
from worker.domain.dead_letter import DeadLetter
from worker.store.client import connect_mongodb
from worker.store.dead_letter_retention import Retention
from worker.store.dead_letters import Caps, DeadLetters, Filter
from worker.store.indexes import ensure_indexes

MIB = 1024 * 1024

Open = Callable[..., DeadLetters]


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect_mongodb(mongodb_url)
    ensure_indexes(database)
    yield database
    database.client.close()


def letter(number: int, *, junk: bool = True, size: int = 10, reason: str = "not_json") -> DeadLetter:
    """The letter of this number, parked so many seconds late."""
    return DeadLetter(
        id=f"{number}",
        queue="plugin.commands",
        reason=reason if junk else "deaths",
        error="",
        raw=b"x" * size,
        parked_at=AT + timedelta(seconds=number),
        junk=junk,
    )


def names(letters: DeadLetters, **wanted: Any) -> list[int]:
    return [int(each.id) for each in letters.find(Filter(**wanted))]


def test_the_oldest_junk_goes_first(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(count=10))
    # Out of order, as several queues are drained.
    letters.keep_once([letter(number) for number in (5, 3, 4, 9, 8, 7, 6, 0, 2, 1)])
    letters.keep_once([letter(number) for number in range(10, 14)])
    assert names(letters) == list(range(4, 14))
    drops = letters.retention.drops()
    assert drops is not None and drops.count == 4
    assert letters.retention.take_dropped() == {"not_json": 4}
    assert letters.retention.take_dropped() == {}


def test_many_are_removed_but_for_one_that_was_parked_again(
    database: Database[dict[str, Any]],
) -> None:
    letters = DeadLetters(database, Caps(count=4))
    letters.keep_once([letter(number, junk=False) for number in range(10)])
    read = list(letters.find(Filter()))
    letters.keep(letter(3, junk=False))
    assert letters.remove(read) == 9
    assert names(letters) == [3]
    assert letters.remove(read) == 0


def test_what_a_task_can_apply_is_never_dropped(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(count=10))
    letters.keep_once([letter(number, junk=number % 2 == 1) for number in range(40)])
    letters.retention.make_room()
    assert names(letters) == list(range(0, 40, 2))
    assert letters.retention.fill().count == 20


def test_there_are_never_more_than_the_cap_allows(database: Database[dict[str, Any]]) -> None:
    letters, most = DeadLetters(database, Caps(count=7)), 0
    shipped = letters._letters.insert_many

    def insert_many(*arguments: Any, **options: Any) -> Any:
        nonlocal most
        done = shipped(*arguments, **options)
        most = max(most, database["dead_letters"].count_documents({}))
        return done

    letters._letters.insert_many = insert_many  # type: ignore[method-assign]  # another process comes in between
    letters.keep_once([letter(number) for number in range(50)])
    assert most == 7 and names(letters) == list(range(43, 50))


def test_bytes_have_a_cap_too(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(size=16 * MIB))
    for number in range(12):
        letters.keep_once([letter(number, size=3 * MIB, junk=number != 1)])
        assert letters.retention.fill().size <= 16 * MIB
    assert names(letters) == [1, 8, 9, 10, 11]


def test_a_letter_that_is_there_already_makes_no_room(database: Database[dict[str, Any]]) -> None:
    """A process that ended between storing and removing from Redis drains the same messages again."""
    letters = DeadLetters(database, Caps(count=10))
    batch = [letter(number) for number in range(10)]
    for _ in range(3):
        letters.keep_once(batch)
    assert names(letters) == list(range(10)) and letters.retention.drops() is None


def test_equal_messages_of_two_processes_are_stored_once(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database)
    batch = [letter(number) for number in range(10)]
    shipped = letters.retention.make_room

    def make(documents: Any = ()) -> None:
        # The other process stores them after this one has looked.
        DeadLetters(database).keep_once(batch[:5])
        shipped(documents)

    letters.retention.make_room = make  # type: ignore[method-assign]  # another process comes in between
    letters.keep_once(batch)
    assert names(DeadLetters(database)) == list(range(10))


@pytest.mark.parametrize("point", ["delete_many", "update_one"])
def test_a_process_that_ends_while_it_drops_counts_and_drops_nothing_twice(
    database: Database[dict[str, Any]], point: str
) -> None:
    letters = DeadLetters(database, Caps(count=10))
    letters.keep_once([letter(number) for number in range(10)])
    room = letters.retention
    collection: Any = room._letters if point == "delete_many" else room._drops
    shipped, calls = getattr(collection, point), list[int]()

    def end(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        # The first update writes down what is to be dropped, the second one counts it.
        if point == "delete_many" or len(calls) == 2:
            raise KeyboardInterrupt
        return shipped(*arguments, **options)

    setattr(collection, point, end)
    with pytest.raises(KeyboardInterrupt):
        letters.keep_once([letter(number) for number in range(10, 13)])
    heir = DeadLetters(database, Caps(count=10))
    heir.keep_once([letter(number) for number in range(10, 13)])
    assert names(heir) == list(range(3, 13))
    drops = heir.retention.drops()
    assert drops is not None and drops.count == 3


def test_two_processes_that_drop_at_once_count_each_letter_once(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(count=10))
    letters.keep_once([letter(number) for number in range(10)])
    rival = DeadLetters(database, Caps(count=10))
    shipped = letters.retention._letters.delete_many

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        rival.retention.make_room([{"_id": "x"}] * 2)
        return shipped(*arguments, **options)

    letters.retention._letters.delete_many = meanwhile  # type: ignore[method-assign]  # another process comes in between
    letters.keep_once([letter(number) for number in range(10, 12)])
    drops = letters.retention.drops()
    assert drops is not None
    assert drops.count == 12 - database["dead_letters"].count_documents({})
    assert (letters.retention.take_dropped() + rival.retention.take_dropped()).total() == drops.count


def test_what_was_marked_readable_meanwhile_stays(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(count=1))
    letters.keep_once([letter(1)])
    shipped = letters.retention._letters.delete_many

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        letters.keep(letter(1, junk=False))
        return shipped(*arguments, **options)

    letters.retention._letters.delete_many = meanwhile  # type: ignore[method-assign]  # another process comes in between
    letters.keep_once([letter(2)])
    assert 1 in names(letters)


def store_as_before(database: Database[dict[str, Any]], number: int, reason: str) -> None:
    DeadLetters(database).keep_once([letter(number, reason=reason)])
    database["dead_letters"].update_one({"_id": str(number)}, {"$unset": {"junk": "", "digest": ""}})


def test_letters_of_before_count_as_readable_until_their_reason_is_looked_at(
    database: Database[dict[str, Any]],
) -> None:
    for number, reason in enumerate(("deaths", "not_json", "fault", "unknown_task", "foreign_element")):
        store_as_before(database, number, reason)
    letters = DeadLetters(database, Caps(count=4))
    assert names(letters, junk=True) == [] and names(letters, junk=False) == [0, 1, 2, 3, 4]
    letters.keep_once([letter(9)])
    letters.retention.make_room()
    # Those that can be read are more than the cap with it.
    assert names(letters) == [0, 2, 4, 9]


def test_the_room_of_an_empty_store(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database)
    database["dead_letters"].drop()
    assert (letters.retention.fill().count, letters.retention.fill().size) == (0, 0)
    letters.retention.make_room()
    assert letters.retention.drops() is None


def test_the_search_for_the_oldest_junk_uses_its_index(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database)
    letters.keep_once([letter(number) for number in range(20)])
    plan = database["dead_letters"].find({"junk": True}).sort("parked_at", 1).explain()
    assert "by_junk" in str(plan["queryPlanner"]["winningPlan"])
    assert "'SORT'" not in str(plan["queryPlanner"]["winningPlan"])


def test_room_is_made_for_letters_of_faults_too(database: Database[dict[str, Any]]) -> None:
    letters = DeadLetters(database, Caps(count=5))
    letters.keep_once([letter(number) for number in range(5)])
    letters.keep(letter(7, junk=False))
    Retention.make_room(letters.retention)
    assert names(letters) == [1, 2, 3, 4, 7]
