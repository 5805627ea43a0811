"""Each protection of the transport taken out: the test that watches it must then fail."""

from collections.abc import Callable

import pytest
import redis

from tests.support.seams import take_out
from tests.transport import test_leases as leases
from tests.transport import test_poison as poison
from tests.transport import test_settlements as settlements
from tests.transport import test_unacked as unacked
from tests.transport.inboxes import MakeInbox
from tests.transport.protections import PROTECTIONS
from worker.transport import scripts

Watching = Callable[[MakeInbox, redis.Redis], None]

PAIRS: list[tuple[str, Watching]] = [
    (
        "restore_in_reverse",
        unacked.test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer,
    ),
    (
        "restore_to_the_tail",
        unacked.test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer,
    ),
    ("no_lease", leases.test_one_owner_at_a_time),
    ("never_push_back+keep_leftovers", leases.test_an_owner_whose_event_loop_stands_still_loses_its_lease),
    ("epoch_stands_still", leases.test_epochs_rise_with_every_owner_and_are_not_behind_the_clock_of_redis),
    ("no_death_count", poison.test_five_deaths_park),
    ("waiting_counts", poison.test_a_death_of_what_had_to_wait_clears_the_count),
    (
        "new_tag_every_time+keep_leftovers",
        unacked.test_the_same_message_is_answered_when_the_reply_of_a_pop_got_lost,
    ),
    (
        "one_tag_for_all_queues+keep_leftovers",
        unacked.test_a_lost_reply_is_asked_for_again_also_after_another_queue_has_answered,
    ),
    ("keep_leftovers", unacked.test_what_a_redis_that_lost_writes_still_has_as_unacked_goes_back_at_once),
    ("believe_any_clock", leases.test_a_clock_that_was_put_back_does_not_prolong_a_lease),
    ("no_mark", poison.test_equal_messages_are_parked_each_for_itself),
    ("settle_by_anyone", settlements.test_nothing_settled_before_a_loss_of_data_touches_what_came_after),
    ("raise_by_anyone", leases.test_raise_epoch_is_the_owners_only),
    ("no_size_limit", poison.test_oversize_is_parked_without_leaving_redis),
    ("always_renew", leases.test_an_owner_whose_event_loop_stands_still_loses_its_lease),
    ("never_renew", leases.test_a_live_owner_keeps_its_lease),
    ("no_sweep", unacked.test_what_a_dead_consumer_of_a_shared_queue_held_comes_back),
]


@pytest.mark.parametrize(("names", "test"), PAIRS, ids=[names for names, _ in PAIRS])
def test_without_it_its_test_fails(
    names: str, test: Watching, make_inbox: MakeInbox, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(PROTECTIONS, names, monkeypatch.setattr)
    with pytest.raises((AssertionError, TimeoutError, pytest.fail.Exception)):
        test(make_inbox, client)


def test_what_a_script_does_not_share_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="no_such_rule"):
        scripts.POP.replacing("function no_such_rule() end")
    with pytest.raises(ValueError, match="push_back"):
        scripts.SETTLE.replacing("function push_back() end")
