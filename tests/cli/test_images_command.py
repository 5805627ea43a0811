"""`plugins images`, and what doctor says of images: which cannot be read, why, and who uses them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from worker.cli.operate.doctor.schedule import inspect_versions
from worker.cli.operate.images import images
from worker.domain.image import FetchFailed, ImageRef, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import decide_refresh
from worker.domain.schedule import Intervals
from worker.services import Services
from worker.settings import Settings
from worker.store.image_documents import image_update, new_document

GHCR = ImageRef("GITHUB", "ghcr.io", "team/plugin")
HUB = ImageRef("DOCKER_HUB", "registry.hub.docker.com", "team/plugin")
OWN = ImageRef("OCI", "registry.test:5000", "team/other", "robot")
DENIED = FetchFailed("auth", detail="ghcr.io does not let us in (status 403)")


@pytest.fixture
def services(mongodb_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The services of the deployment that the environment names."""
    monkeypatch.setenv("PLUGINS_MONGODB_URL", mongodb_url)
    monkeypatch.setenv("PLUGINS_REDIS_URL", redis_url)
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    yield made
    made.close()


def keep(services: Services, ref: ImageRef, *outcomes: TagList | FetchFailed, **fields: Any) -> ImageRecord:
    """An image that was read with these outcomes, the first of them some minutes ago."""
    now = datetime.now(UTC).replace(microsecond=0)
    image, ago = ImageRecord(ref, next_refresh_at=now), timedelta(minutes=10)
    for outcome in outcomes:
        image = decide_refresh(image, outcome, now - ago, Intervals()).image
        ago = timedelta()
    document = {"_id": ref.key, **new_document(ref, now, now, priority=False)}
    services.database["images"].insert_one(document)
    services.database["images"].update_one(
        document, image_update(ImageRecord(ref), image, now, priority=False)
    )
    services.database["images"].update_one({"_id": ref.key}, {"$set": {"x": 0, **fields}})
    return image


def use(services: Services, key: str, ref: ImageRef) -> None:
    """A plugin that uses the image."""
    plugin: dict[str, Any] = {
        "image": ref.image,
        "registry_type": ref.registry_type,
        "registry_url": ref.registry_url,
    }
    plugin["registry_config"] = {"credential": ref.credential} if ref.credential else {}
    services.database["plugins"].insert_one({"_id": key, "scope": "x", "plugin": plugin})


def run(*arguments: str) -> Result:
    return CliRunner().invoke(images, arguments)


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)["results"]
    return found


def test_a_list_tells_of_each_image_why_it_cannot_be_read(services: Services) -> None:
    keep(services, GHCR, DENIED, DENIED)
    keep(services, HUB, TagList(("1.0", "2.0")))
    use(services, "domain-1/plugin", GHCR)
    use(services, "domain-2/plugin", GHCR)
    use(services, "//market/plugin", GHCR)
    lines = run().output.splitlines()
    columns = ["image", "state", "reason", "since", "failures", "next try", "plugins", "detail"]
    assert lines[0].replace("next try", "next_try").split() == [c.replace(" ", "_") for c in columns]
    assert lines[1].startswith("images/ghcr.io/team/plugin")
    assert re.search(r"  1\d min  ", lines[1])
    for text in ("auth_failed", "auth", "in ", "market/plugin and 2 more", DENIED.detail):
        assert f"  {text}" in lines[1]
    assert " ok " in lines[2] and lines[3] == "2 of 2 image(s)"


def test_everything_that_is_known_of_one_image(services: Services) -> None:
    denied = keep(services, GHCR, TagList(("1.0", "2.0")), DENIED)
    use(services, "domain-1/plugin", GHCR)
    use(services, "//market/plugin", GHCR)
    assert rows("images/ghcr.io/team/plugin") == [
        {
            "image": "images/ghcr.io/team/plugin",
            "host": "ghcr.io",
            "repository": "team/plugin",
            "registry_type": "GITHUB",
            "credential": None,
            "state": "auth_failed",
            "reason": "auth",
            "detail": DENIED.detail,
            "failing_since": told(denied.failing_since),
            "failures": 1,
            "next_try_at": told(denied.next_refresh_at),
            "synced_at": told(denied.synced_at),
            "changed_at": told(denied.changed_at),
            "total_count": 2,
            "latest": "2.0",
            "truncated": False,
            "plugins": ["market/plugin", "domain-1/plugin"],
            "plugin_count": 2,
        }
    ]
    text = run("ghcr.io/team/plugin").output
    assert f"detail         {DENIED.detail}" in text
    assert "plugins        market/plugin, domain-1/plugin" in text


def told(moment: datetime | None) -> str:
    assert moment is not None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], [GHCR, HUB, OWN]),
        (["team/plugin"], [GHCR, HUB]),
        (["ghcr.io/team/plugin"], [GHCR]),
        (["--failed"], [GHCR, OWN]),
        (["--host", "GHCR.io"], [GHCR]),
        (["--host", "docker.io"], [HUB]),
        (["--host", "registry.test:5000"], [OWN]),
        (["--host", "registry.tes"], []),
        (["--reason", "auth"], [GHCR]),
        (["--reason", "malformed"], [OWN]),
        (["--reason", "timeout"], []),
        (["--failed", "--host", "ghcr.io", "team/plugin"], [GHCR]),
        (["--limit", "1"], [GHCR]),
        (["--limit", "0"], [GHCR, HUB, OWN]),
    ],
)
def test_filters(services: Services, arguments: list[str], found: list[ImageRef]) -> None:
    keep(services, GHCR, DENIED)
    keep(services, HUB, TagList(("1.0",)))
    keep(services, OWN, FetchFailed("malformed", detail="it is empty"))
    assert [row["image"] for row in rows(*arguments)] == [ref.subject for ref in found]


def test_an_account_of_ecr_public_is_of_its_host(services: Services) -> None:
    ref = ImageRef("AWS_PUBLIC_ECR", "public.ecr.aws/acme", "plugin", "team")
    keep(services, ref, FetchFailed("refused"))
    assert [row["image"] for row in rows("--host", "public.ecr.aws")] == [ref.subject]


def test_an_image_that_there_is_not_is_said(services: Services) -> None:
    result = run("team/typo")
    assert (result.exit_code, "NOT_FOUND" in result.output) == (1, True)
    assert json.loads(run("team/typo", "--json").output)["error"]["code"] == "NOT_FOUND"


def test_an_image_is_not_tried_while_its_registry_is_left_alone(services: Services) -> None:
    keep(services, GHCR, DENIED)
    services.budget.slot("ghcr.io", "GITHUB", "token").failed(FetchFailed("throttled", 7_200))
    at = datetime.fromisoformat(rows()[0]["next_try_at"])
    assert timedelta(minutes=110) < at - datetime.now(UTC) <= timedelta(minutes=120)
    assert re.search(r"in 1[12]\d min", run().output)


def test_reasons_of_an_older_version_are_shown_and_found(services: Services) -> None:
    keep(services, GHCR, failures=2, last_error="auth_failed", state="auth_failed")
    keep(services, HUB, failures=2, last_error="refused", state="unavailable")
    keep(services, OWN, failures=2, last_error="unavailable", state="unavailable")
    assert [row["reason"] for row in rows("--failed")] == ["auth", "not_allowed", None]
    assert [row["image"] for row in rows("--reason", "auth")] == [GHCR.subject]
    assert [row["image"] for row in rows("--reason", "not_allowed")] == [HUB.subject]
    assert rows("--reason", "refused") == []


def test_an_image_that_no_plugin_uses_is_not_failing(services: Services) -> None:
    keep(services, GHCR, DENIED)
    services.database["images"].update_one({"_id": GHCR.key}, {"$unset": {"next_refresh_at": ""}})
    assert rows("--failed") == []
    assert rows()[0]["next_try_at"] is None
    assert "never: unused" in run().output


def test_doctor_names_images_by_reason(services: Services) -> None:
    for number in range(4):
        keep(services, ImageRef("GITHUB", "ghcr.io", f"team/{number}"), DENIED)
    keep(services, ImageRef("GITHUB", "ghcr.io", "team/old"), failures=1, last_error="auth_failed")
    keep(services, ImageRef("GITHUB", "ghcr.io", "page"), FetchFailed("malformed", detail="HTML or XML"))
    keep(services, OWN, failures=1, last_error="unavailable")
    keep(services, HUB, TagList(("1.0",)))
    found = list(inspect_versions(services))
    start = "of 6 image(s) could not be read at the last try"
    assert [(finding.level, finding.subject, finding.text) for finding in found] == [
        (
            "warn",
            "ghcr.io",
            f"5 {start}: auth: {DENIED.detail}; images/ghcr.io/team/0, images/ghcr.io/team/1, "
            "images/ghcr.io/team/2 and 2 more",
        ),
        ("warn", "ghcr.io", f"1 {start}: malformed: HTML or XML; images/ghcr.io/page"),
        (
            "warn",
            "registry.test:5000",
            "1 of 1 image(s) could not be read at the last try; images/registry.test:5000/team/other#robot",
        ),
    ]
    assert "plugins images --host ghcr.io; is their credential" in found[0].advice
    assert "can a worker of plugin.versions reach registry.test:5000, and what" in found[2].advice
    assert found[1].details == {
        "images": 6,
        "failing": 1,
        "reason": "malformed",
        "examples": ["images/ghcr.io/page"],
    }


def test_an_image_whose_registry_is_left_alone_says_so(services: Services) -> None:
    keep(services, GHCR)
    services.budget.slot("ghcr.io", "GITHUB", "a").failed(FetchFailed("throttled", retry_after=600))
    output = CliRunner().invoke(images, ["--json"]).output
    (shown,) = json.loads(output)["results"]
    assert shown["detail"] == "its registry is left alone for now: see plugins sync status"


def test_times_of_one_image_are_shown_without_quotes(services: Services) -> None:
    denied = keep(services, GHCR, DENIED)
    assert denied.failing_since is not None
    output = CliRunner().invoke(images, ["team/plugin"]).output
    assert re.search(r"^failing_since +[0-9T:.-]+Z$", output, re.MULTILINE)
