"""Each protection of the transport taken out: the test that watches it must then fail."""

from typing import Protocol

import pytest
import redis

from tests.support.seams import take_out
from tests.transport import inboxes
from tests.transport import test_forged_leases as forged
from tests.transport import test_groups as groups
from tests.transport import test_junk_in_bulk as junk
from tests.transport import test_leases as leases
from tests.transport import test_poison as poison
from tests.transport import test_settlements as settlements
from tests.transport import test_unacked as unacked
from tests.transport.inboxes import MakeInbox
from tests.transport.protections import PROTECTIONS
from worker.transport import scripts


class Watching(Protocol):
    __name__: str

    def __call__(self, make_inbox: MakeInbox, client: redis.Redis) -> None: ...


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
    ("believe_any_epoch", forged.test_a_new_owner_begins_anew_where_the_epoch_is_none),
    ("raise_to_any_epoch", forged.test_an_epoch_is_not_raised_by_more_than_a_day),
    ("no_death_count", poison.test_five_deaths_park),
    ("waiting_counts", poison.test_a_death_of_what_had_to_wait_clears_the_count),
    (
        "new_tag_every_time+keep_leftovers",
        groups.test_a_group_whose_reply_got_lost_is_not_mixed_with_what_came_later,
    ),
    (
        "one_tag_for_all_queues+keep_leftovers",
        unacked.test_a_lost_reply_is_asked_for_again_also_after_another_queue_has_answered,
    ),
    ("keep_leftovers", unacked.test_what_a_redis_that_lost_writes_still_has_as_unacked_goes_back_at_once),
    ("believe_any_clock", leases.test_a_clock_that_was_put_back_does_not_prolong_a_lease),
    ("no_mark", poison.test_equal_messages_are_parked_each_for_itself),
    ("ack_by_anyone", settlements.test_nothing_settled_before_a_loss_of_data_touches_what_came_after),
    ("raise_by_anyone", leases.test_raise_epoch_is_the_owners_only),
    ("no_size_limit", poison.test_oversize_is_parked_without_leaving_redis),
    ("keep_all_of_large", junk.test_what_is_large_is_cut_while_it_is_parked),
    ("park_any_number", junk.test_one_pop_parks_few_messages),
    ("park_by_anyone", junk.test_nothing_is_parked_while_another_process_has_the_lease),
    ("always_renew", leases.test_an_owner_whose_event_loop_stands_still_loses_its_lease),
    ("never_renew", leases.test_a_live_owner_keeps_its_lease),
    (
        "forget_what_was_handed_out",
        groups.test_a_group_whose_reply_got_lost_is_not_mixed_with_what_came_later,
    ),
    ("any_bytes", groups.test_a_group_has_so_many_bytes_at_most),
    ("numbers_of_the_new_question", groups.test_deliveries_of_two_queues_never_share_a_tag),
    (
        "back_in_the_order_taken",
        groups.test_a_part_that_is_given_back_goes_before_what_is_newer_and_keeps_its_order,
    ),
    ("every_death_counts", groups.test_a_death_in_company_blames_nobody_and_one_alone_blames_the_one),
    ("every_death_counts", groups.test_one_that_kills_amid_others_is_parked_alone),
    ("never_alone", groups.test_after_a_death_the_messages_come_alone_until_each_is_settled),
    ("never_alone", groups.test_one_that_kills_amid_others_is_parked_alone),
    ("waiting_counts", groups.test_a_group_that_waits_is_not_blamed),
    ("restore_in_reverse", groups.test_leftovers_of_a_group_go_back_together_and_in_order),
    ("keep_leftovers", groups.test_leftovers_of_a_group_go_back_together_and_in_order),
    ("ack_by_anyone", groups.test_acks_of_which_some_are_stale_end_the_others),
    (
        "load_what_is_missing",
        unacked.test_a_settlement_goes_before_the_pop_that_it_is_sent_with_whatever_redis_forgot,
    ),
    ("no_sweep", unacked.test_what_a_dead_consumer_of_a_shared_queue_held_comes_back),
]


@pytest.mark.parametrize(
    ("names", "test"), PAIRS, ids=[f"{names}-{test.__name__[5:40]}" for names, test in PAIRS]
)
def test_without_it_its_test_fails(
    names: str, test: Watching, make_inbox: MakeInbox, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(PROTECTIONS, names, monkeypatch.setattr)
    # A takeover that comes takes one lease; what makes it never come is as plain after twenty.
    monkeypatch.setattr(inboxes, "PATIENCE_S", 20 * inboxes.LEASE_S)
    with pytest.raises((AssertionError, TimeoutError, pytest.fail.Exception)):
        test(make_inbox, client)


def test_what_a_script_does_not_share_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="no_such_rule"):
        scripts.POP.replacing("function no_such_rule() end")
    with pytest.raises(ValueError, match="push_back"):
        scripts.SETTLE.replacing("function push_back() end")
