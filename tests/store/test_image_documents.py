"""Images between records and documents, those of older versions too."""

import pytest

from worker.domain.image import FailureReason
from worker.store.image_documents import image_of


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ("auth_failed", "auth"),
        ("refused", "not_allowed"),
        ("not_found", "not_found"),
        ("throttled", "throttled"),
        ("unavailable", None),
        (None, None),
        ("of a version to come", None),
    ],
)
def test_reasons_of_older_versions_are_read(stored: str | None, reason: FailureReason | None) -> None:
    image = image_of(_document(last_error=stored, failures=2, state="unavailable"))
    assert (image.last_error, image.last_detail, image.failures) == (reason, None, 2)


@pytest.mark.parametrize("reason", ["refused", "auth", "malformed"])
def test_a_reason_with_its_detail_is_read_as_it_stands(reason: str) -> None:
    image = image_of(_document(last_error=reason, last_detail="the registry answers with status 500"))
    assert image.last_error == reason


def test_a_reason_of_a_version_to_come_is_not_known() -> None:
    assert image_of(_document(last_error="haunted", last_detail="")).last_error is None


def _document(**fields: object) -> dict[str, object]:
    return {"registry_type": "OCI", "registry_url": "registry.test", "image": "team/app"} | fields
