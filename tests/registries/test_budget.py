"""The budget of a registry, on a real Redis and a clock of the test's own."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.support.clock import FakeClock
from worker.domain.image import FetchFailed, NoAnswer
from worker.registries import BudgetTable, Limit, parse_limits
from worker.registries.budget.budget import Budget, LeftAlone, Slot

HOST = "registry.example.com"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def budget(redis_url: str, clock: FakeClock) -> Iterator[Budget]:
    """A group that may be asked twice a second, for two images at once."""
    with Redis.from_url(redis_url) as client:
        yield Budget(client, BudgetTable({HOST: Limit(2.0, 2)}), clock=clock.timestamp)


def slot(budget: Budget, token: str) -> Slot:
    return budget.slot(HOST, "OCI", token)


def granted(budget: Budget, token: str) -> Slot:
    held = slot(budget, token)
    assert held.reserve() == "granted"
    return held


def test_requests_are_spaced_evenly_whoever_makes_them(budget: Budget, clock: FakeClock) -> None:
    one, two = granted(budget, "one"), granted(budget, "two")
    assert [one.acquire(), two.acquire(), one.acquire(), two.acquire()] == [0.0, 0.5, 1.0, 1.5]
    clock.advance(10)
    assert [one.acquire(), two.acquire()] == [0.0, 0.5]


def test_a_request_that_would_wait_too_long_takes_nothing(budget: Budget) -> None:
    one = granted(budget, "one")
    waits = [one.acquire() for _ in range(21)]
    assert waits[-1] == 10.0
    with pytest.raises(LeftAlone) as refused:
        one.acquire()
    assert (refused.value.refusal, refused.value.retry_after) == ("pace", 10.5)
    assert refused.value.reason == "throttled"


def test_no_more_slots_than_images_at_once(budget: Budget, clock: FakeClock) -> None:
    granted(budget, "one")
    granted(budget, "two")
    assert slot(budget, "three").reserve() == "busy"
    budget.release(HOST, "one")
    assert slot(budget, "three").reserve() == "granted"


def test_the_slot_of_a_worker_that_died_lapses_and_requests_keep_it(budget: Budget, clock: FakeClock) -> None:
    alive, _ = granted(budget, "alive"), granted(budget, "dead")
    clock.advance(100)
    alive.acquire()
    clock.advance(30)
    assert slot(budget, "next").reserve() == "granted"
    assert slot(budget, "another").reserve() == "busy"


def test_without_a_slot_nothing_is_taken_where_all_are_held(budget: Budget) -> None:
    granted(budget, "one")
    granted(budget, "two")
    with pytest.raises(LeftAlone, match="busy"):
        slot(budget, "three").acquire()


def test_throttled_is_a_cooldown_for_the_whole_group(budget: Budget, clock: FakeClock) -> None:
    one, two = granted(budget, "one"), granted(budget, "two")
    one.failed(FetchFailed("throttled", retry_after=300))
    with pytest.raises(LeftAlone) as refused:
        two.acquire()
    assert (refused.value.refusal, refused.value.retry_after) == ("cooldown", 300.0)
    assert slot(budget, "three").reserve() == "cooldown"
    clock.advance(301)
    assert two.acquire() == 0.0


def test_a_cooldown_is_six_hours_at_most(budget: Budget) -> None:
    granted(budget, "one").failed(FetchFailed("throttled", retry_after=10**7))
    assert budget.status(HOST, "OCI").cooldown_s == 6 * 3_600


@pytest.mark.parametrize("retry_after", [None, 0.0])
def test_throttled_without_a_time_to_come_cools_longer_each_time_up_to_an_hour(
    budget: Budget, clock: FakeClock, retry_after: float | None
) -> None:
    one = granted(budget, "one")
    cooldowns = []
    for _ in range(8):
        one.failed(FetchFailed("throttled", retry_after))
        cooldowns.append(budget.status(HOST, "OCI").cooldown_s)
        clock.advance(cooldowns[-1] + 1)
    assert cooldowns == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    one.listed()
    one.failed(FetchFailed("throttled"))
    assert budget.status(HOST, "OCI").cooldown_s == 60


def test_throttled_halves_the_rate_which_recovers_slowly(budget: Budget, clock: FakeClock) -> None:
    one = granted(budget, "one")
    one.failed(FetchFailed("throttled", retry_after=1))
    assert budget.status(HOST, "OCI").rate == 1.0
    clock.advance(2)
    one.acquire()
    assert one.acquire() == pytest.approx(1.0, rel=0.01)
    clock.advance(900)
    assert budget.status(HOST, "OCI").rate == pytest.approx(1.5, rel=0.01)
    clock.advance(900)
    assert budget.status(HOST, "OCI").rate == 2.0


def test_requests_throttled_together_halve_it_once(budget: Budget) -> None:
    for held in [granted(budget, "one"), granted(budget, "two")]:
        held.failed(FetchFailed("throttled", retry_after=60))
    assert budget.status(HOST, "OCI").rate == 1.0


def unreached(held: Slot, times: int) -> None:
    for _ in range(times):
        held.failed(NoAnswer("unreachable"))


def test_five_unreached_in_a_row_open_the_circuit_and_a_probe_closes_it(
    budget: Budget, clock: FakeClock
) -> None:
    one = granted(budget, "one")
    unreached(one, 4)
    assert one.acquire() == 0.0
    unreached(one, 1)
    with pytest.raises(LeftAlone, match="circuit_open"):
        one.acquire()
    budget.release(HOST, "one")
    assert slot(budget, "two").reserve() == "circuit_open"
    clock.advance(31)
    probe = slot(budget, "probe")
    assert probe.reserve() == "probe"
    assert slot(budget, "other").reserve() == "circuit_open"
    assert probe.acquire() == 0.0
    probe.failed(FetchFailed("not_found"))
    assert slot(budget, "other").reserve() == "granted"


def test_a_probe_that_fails_opens_the_circuit_for_longer(budget: Budget, clock: FakeClock) -> None:
    one = granted(budget, "one")
    unreached(one, 5)
    assert budget.status(HOST, "OCI").circuit_open_s == 30
    clock.advance(31)
    probe = slot(budget, "probe")
    assert probe.reserve() == "probe"
    unreached(one, 3)  # stragglers say nothing new
    assert budget.status(HOST, "OCI").circuit_open_s == 0
    unreached(probe, 1)
    assert budget.status(HOST, "OCI").circuit_open_s == 60


def test_a_probe_that_died_makes_room_for_another(budget: Budget, clock: FakeClock) -> None:
    unreached(granted(budget, "one"), 5)
    clock.advance(31)
    assert slot(budget, "dead").reserve() == "probe"
    clock.advance(121)
    assert slot(budget, "probe").reserve() == "probe"


def test_any_answer_ends_the_row_of_unreached(budget: Budget) -> None:
    one = granted(budget, "one")
    unreached(one, 4)
    one.failed(FetchFailed("malformed"))
    unreached(one, 4)
    assert one.acquire() == 0.0


def test_what_we_refuse_ourselves_says_nothing_about_the_registry(budget: Budget) -> None:
    one = granted(budget, "one")
    one.failed(FetchFailed("not_allowed"))
    one.failed(LeftAlone("pace", 10))
    status = budget.status(HOST, "OCI")
    assert (status.cooldown_s, status.rate, status.unreachable_in_row, status.in_use) == (0, 2.0, 0, 1)


def test_groups_do_not_share(budget: Budget) -> None:
    granted(budget, "one").failed(FetchFailed("throttled"))
    assert budget.slot("ghcr.io", "GITHUB", "one").reserve() == "granted"


def test_redis_own_clock_by_default(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        budget = Budget(client, BudgetTable({HOST: Limit(0.001, 1)}))
        held = granted(budget, "one")
        assert held.acquire() == 0.0
        with pytest.raises(LeftAlone) as refused:
            held.acquire()
        assert refused.value.retry_after is not None
        assert 900 < refused.value.retry_after <= 1_000


def test_limits_are_read_from_the_setting() -> None:
    text = " ghcr.io=10/8, docker.io=0.5/1,127.0.0.1:5000=1000/16,public.ecr.aws#team=4/2,"
    assert parse_limits(text) == {
        "ghcr.io": Limit(10, 8),
        "registry.hub.docker.com": Limit(0.5, 1),
        "127.0.0.1:5000": Limit(1_000, 16),
        "public.ecr.aws#team": Limit(4, 2),
    }
    assert parse_limits("GHCR.io:443=5/4") == {"ghcr.io": Limit(5, 4)}
    assert parse_limits("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io",
        "ghcr.io=5",
        "ghcr.io=5/0",
        "ghcr.io=0/4",
        "ghcr.io=0.05/1",  # its second request would wait longer than a thread may
        "ghcr.io=-1/4",
        "ghcr.io=5/1.5",
        "=5/4",
        "a=nan/1",
        "ghcr.io#team=5/4",
        "public.ecr.aws#=5/4",
        "ghcr.io=1/1,ghcr.io:443=1/1",
        "a=1e9/2",
        "https://ghcr.io=5/4",
        "ghcr.io=5/4,GHCR.io=4/4",
        "docker.io=1/1,registry-1.docker.io=1/1",
    ],
)
def test_a_wrong_limit_is_refused_by_its_entry(text: str) -> None:
    with pytest.raises(ValueError, match="entry"):
        parse_limits(text)


def test_defaults_are_of_the_registry_type_and_well_known_hosts() -> None:
    limits = BudgetTable({"ghcr.io": Limit(9, 9)})
    assert limits.of("ghcr.io", "GITHUB") == Limit(9, 9)
    assert limits.of("registry.hub.docker.com", "OCI") == Limit(2.5, 3)
    assert limits.of("public.ecr.aws", "OCI") == Limit(1, 1)
    assert limits.of("public.ecr.aws#team", "AWS_PUBLIC_ECR") == Limit(8, 4)
    assert limits.of("harbor.example.com", "HARBOR") == Limit(10, 3)
    assert limits.of("harbor.example.com", "OCI") == Limit(2, 2)
    assert limits.of("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "OCI") == Limit(10, 4)
    assert limits.of("europe-docker.pkg.dev", "HARBOR") == Limit(50, 8)


def test_a_slow_rate_serves_as_few_images_at_once_as_keep_it_going(redis_url: str, clock: FakeClock) -> None:
    """Else each second request would wait too long, and its image be begun again for ever."""
    with Redis.from_url(redis_url) as client:
        budget = Budget(client, BudgetTable({HOST: Limit(0.1, 2)}), clock=clock.timestamp)
        one = granted(budget, "one")
        assert slot(budget, "two").reserve() == "busy"
        assert budget.status(HOST, "OCI").at_once == 1
        for _ in range(5):
            wait = one.acquire()
            assert wait <= 10
            clock.advance(wait + 0.3)


def test_a_rate_that_was_cut_again_and_again_still_lets_an_image_be_read_to_its_end(
    budget: Budget, clock: FakeClock
) -> None:
    one = granted(budget, "one")
    for _ in range(10):
        one.failed(FetchFailed("throttled", retry_after=1))
        clock.advance(2)
    status = budget.status(HOST, "OCI")
    assert status.rate == pytest.approx(0.1, rel=0.02)
    assert status.at_once == 1
    for _ in range(5):
        wait = one.acquire()
        assert wait <= 10
        clock.advance(wait + 0.3)


def test_a_clock_that_is_set_back_prolongs_nothing(budget: Budget, clock: FakeClock) -> None:
    one, _ = granted(budget, "one"), granted(budget, "dead")
    for _ in range(3):
        one.acquire()
    clock.advance(-5 * 3_600)
    assert one.acquire() == 1.5
    clock.advance(121)
    assert slot(budget, "three").reserve() == "granted"
    one.failed(FetchFailed("throttled"))
    clock.advance(-48 * 3_600)
    status = budget.status(HOST, "OCI")
    assert (status.cooldown_s, status.rate) == (60, 1.0)
    clock.advance(61)
    unreached(one, 5)
    clock.advance(-3_600)
    assert budget.status(HOST, "OCI").circuit_open_s == 30


def test_a_circuit_is_told_open_until_a_probe_has_closed_it(budget: Budget, clock: FakeClock) -> None:
    one = granted(budget, "one")
    assert not budget.status(HOST, "OCI").unreached
    unreached(one, 5)
    clock.advance(31)
    status = budget.status(HOST, "OCI")
    assert (status.unreached, status.circuit_open_s) == (True, 0)
    probe = slot(budget, "probe")
    assert probe.reserve() == "probe"
    probe.listed()
    assert not budget.status(HOST, "OCI").unreached


@pytest.mark.parametrize("wait_s", [60.0, 900.0, 1800.0, 21_600.0])
def test_the_rate_is_halved_when_a_cooldown_of_any_length_is_over(
    budget: Budget, clock: FakeClock, wait_s: float
) -> None:
    granted(budget, "one").failed(FetchFailed("throttled", retry_after=wait_s))
    assert budget.status(HOST, "OCI").rate == 1.0
    clock.advance(wait_s)
    assert budget.status(HOST, "OCI").rate == 1.0
    clock.advance(900)
    assert budget.status(HOST, "OCI").rate == 1.5


def test_the_seconds_that_a_registry_is_left_alone_for_are_told(budget: Budget) -> None:
    held = granted(budget, "one")
    assert held.failed(FetchFailed("malformed")) is None
    assert held.failed(LeftAlone("pace", 11.0)) is None
    assert held.failed(FetchFailed("throttled", retry_after=90)) == 90
    assert held.failed(FetchFailed("throttled", retry_after=30)) == 90
