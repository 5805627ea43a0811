"""`plugins sync`: what it says of the schedule, and reading images now."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from worker.cli.operate.sync import sync
from worker.domain.image import FetchFailed, ImageRef, NoAnswer
from worker.registries import BudgetTable
from worker.registries.budget.budget import Budget
from worker.store.client import connect_mongodb
from worker.store.images import Images

REF = ImageRef("GITHUB", "ghcr.io", "team/plugin")


@pytest.fixture
def images(mongodb_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Images]:
    """The images of the deployment that the environment names."""
    monkeypatch.setenv("PLUGINS_MONGODB_URL", mongodb_url)
    monkeypatch.setenv("PLUGINS_REDIS_URL", redis_url)
    database = connect_mongodb(mongodb_url)
    with database.client:
        yield Images(database)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sync, arguments)


def test_status_tells_of_each_registry(images: Images, redis_url: str) -> None:
    images.ensure(REF, datetime.now(UTC) - timedelta(minutes=10))
    with Redis.from_url(redis_url) as client:
        slot = Budget(client, BudgetTable()).slot("ghcr.io", "GITHUB", "token")
        slot.reserve()
        slot.failed(FetchFailed("throttled", retry_after=600))
    row = json.loads(run("status", "--json").output)
    assert (row["host"], row["images"], row["due"], row["at_once"], row["in_use"]) == ("ghcr.io", 1, 1, 4, 1)
    assert 600 <= row["overdue_s"] < 660
    assert 540 < row["cooldown_s"] <= 600
    assert row["rate"] < 2.6
    text = run("status").output
    assert "ghcr.io" in text
    assert "cooling down" in text


def test_status_sorts_names_in_any_case(images: Images) -> None:
    """Hosts are lower case, and the credentials behind them are as their operator wrote them."""
    host = "public.ecr.aws"
    for credential in ("dev", "Prod", "acme"):
        images.ensure(ImageRef("AWS_PUBLIC_ECR", host, "team/plugin", credential), datetime.now(UTC))
    told = [f"{host}#{credential}" for credential in ("acme", "dev", "Prod")]
    assert [line.split()[0] for line in run("status").output.splitlines()[1:]] == told
    rows = [json.loads(line)["host"] for line in run("status", "--json").output.splitlines()]
    assert rows == sorted(told)


def test_status_tells_that_a_registry_is_not_reached_until_it_is(images: Images, redis_url: str) -> None:
    images.ensure(REF, datetime.now(UTC))
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with Redis.from_url(redis_url) as client:
        slot = Budget(client, BudgetTable(), clock=an_hour_ago.timestamp).slot("ghcr.io", "GITHUB", "token")
        for _ in range(5):
            slot.failed(NoAnswer("unreachable"))
    assert "not reached, next try in 0 s" in run("status").output


def test_status_lets_no_name_move_the_cursor(images: Images) -> None:
    images.ensure(ImageRef("OCI", "evil\x1b[2J.example", "team/plugin"), datetime.now(UTC))
    assert "\x1b" not in run("status").output


def test_an_image_that_is_no_text_is_a_usage_error(images: Images) -> None:
    result = run("now", "\udcff\udcfe")
    assert (result.exit_code, "is not UTF-8" in result.output) == (2, True)


def test_status_of_nothing_is_the_headings(images: Images) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert result.output.startswith("host")


def test_now_makes_an_image_due(images: Images) -> None:
    images.ensure(REF, datetime.now(UTC), at_once=False)
    assert json.loads(run("now", "team/plugin", "--json").output) == {"images": 1}
    image = images.read(REF)
    assert image is not None
    assert image.next_refresh_at is not None
    assert image.next_refresh_at <= datetime.now(UTC)
    assert "1 image is due now" in run("now").output


def test_now_says_that_an_image_is_not_followed(images: Images) -> None:
    result = run("now", "team/other")
    assert result.exit_code == 1
    assert result.stderr == "NOT_FOUND: no plugin has the image team/other\n"
    shown = run("now", "team/other", "--json")
    assert (shown.exit_code, shown.stderr) == (1, "")
    assert json.loads(shown.stdout)["error"]["code"] == "NOT_FOUND"
    nothing = run("now", "--json")
    assert (nothing.exit_code, json.loads(nothing.stdout)) == (0, {"images": 0})


def test_a_wrong_budget_is_said_in_its_words(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_REGISTRY_BUDGETS", "ghcr.io=fast")
    result = run("status")
    assert result.exit_code == 1
    assert "PLUGINS_REGISTRY_BUDGETS" in result.output
