"""Each protection of the scripts taken out: the test that watches it must then fail."""

import pytest

from tests.transport import test_inbox as watching
from tests.transport.transport_substitutions import take_out

PAIRS = [
    ("restore_in_reverse", watching.test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer),
    (
        "restore_to_the_tail",
        watching.test_takeover_pushes_all_unacked_back_oldest_first_before_anything_newer,
    ),
    ("no_lease", watching.test_one_owner_at_a_time),
    ("never_push_back+keep_strays", watching.test_an_owner_whose_event_loop_stands_still_loses_its_lease),
    ("epoch_stands_still", watching.test_epochs_rise_with_every_owner_and_are_not_behind_the_clock_of_redis),
    ("no_death_count", watching.test_five_deaths_park),
    ("waiting_counts", watching.test_a_death_of_what_had_to_wait_clears_the_count),
    (
        "new_tag_every_time+keep_strays",
        watching.test_the_same_message_is_answered_when_the_reply_of_a_pop_got_lost,
    ),
    (
        "one_tag_for_all_queues+keep_strays",
        watching.test_a_lost_reply_is_asked_for_again_also_after_another_queue_has_answered,
    ),
    ("keep_strays", watching.test_what_a_redis_that_lost_writes_still_has_as_unacked_goes_back_at_once),
    ("believe_any_clock", watching.test_a_clock_that_was_put_back_does_not_prolong_a_lease),
    ("no_mark", watching.test_equal_messages_are_parked_each_for_itself),
    ("settle_by_anyone", watching.test_nothing_settled_before_a_loss_of_data_touches_what_came_after),
    ("raise_by_anyone", watching.test_raise_epoch_is_the_owners_only),
    ("no_size_limit", watching.test_oversize_is_parked_without_leaving_redis),
    ("always_renew", watching.test_an_owner_whose_event_loop_stands_still_loses_its_lease),
    ("never_renew", watching.test_a_live_owner_keeps_its_lease),
    ("no_sweep", watching.test_what_a_dead_consumer_of_a_shared_queue_held_comes_back),
]


@pytest.mark.parametrize(("protection", "test"), PAIRS, ids=[f"{name}" for name, _ in PAIRS])
def test_without_it_its_test_fails(protection, test, make_inbox, client, monkeypatch):
    take_out(protection, monkeypatch.setattr)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(make_inbox, client)
