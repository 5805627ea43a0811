"""Given the tags of an image, then its versions are in order, newest first, without what is no version."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.versions import newest_first, without_attachments
from worker.domain.versions.order import has_bare_commits, version_key

ORDERED = [
    ["2.0.0", "1.10.0", "1.9.0", "1.2.1"],
    ["1.2.2", "1.2.1.20220429.104002", "1.2.1.20220428.235959", "1.2.1", "1.2"],
    ["v2.0", "1.9", "v1.8", "1.7"],
    ["10", "9.9.9.9", "9.9", "9", "8"],
    # semver.org, section 11
    [
        "1.0.0",
        "1.0.0-rc.1",
        "1.0.0-beta.11",
        "1.0.0-beta.2",
        "1.0.0-beta",
        "1.0.0-alpha.beta",
        "1.0.0-alpha.1",
        "1.0.0-alpha",
    ],
    ["1.0.1", "1.0.post1", "1.0", "1.0rc10", "1.0rc2", "1.0b1", "1.0a1", "0.9"],
    ["1.2.3-rc10", "1.2.3-rc2"],
    ["1.0", "alpine", "main", "latest"],
    ["17.1", "17", "17rc1", "17beta2", "1.0", "412900c", "9c41290", "latest"],
    ["17rc1", "1.2.3", "1.2.3a1", "123456789a12", "12345b67", "4129c070", "29a04411"],
    ["0.0.1-rc1", "build-10", "build-9", "stable", "nightly", "latest"],
    ["1" + "0" * 100 + ".0", "9" * 100 + ".0", "1"],
]

# What registries hold, and what makes parsers of versions raise.
REAL = [
    "1.2.1.20220429.104002",
    "v1.2.3-alpine3.18",
    "20220429",
    "2022.04.29",
    "4d2f9e1",
    "0123456",
    "1.0.0_build5",
    "1.x",
    "1..2",
    "1.",
    ".1",
    "-1",
    "v",
    "v.",
    "V1",
    "1-1",
    "1.0-",
    "1.0-.",
    "latest",
    "LATEST",
    "Latest-alpine",
    "stable-perl",
    "sha-4d2f9e1",
    "1.0.0-0A",
    "01.1",
    "1.01",
    "1.0.0-01",
    "٣.١",
    "¹.2",
    "１.２",
    "1.0.dev1",
    "1.0a",
    "1!2.0",
    "1.0+local",
    "1e10",
    "0x10",
    "NaN",
    "None",
    "true",
    "main-2",
    "pr-12",
    "release/1.0",
]
NAMES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(REAL),
    st.from_regex(
        r"[vV]?[0-9]{1,4}(\.[0-9]{1,3}){0,4}([-_.]?(rc|a|b|post|dev|alpha)[.-]?[0-9]*)?", fullmatch=True
    ),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True),
    st.integers(0).map(str),
)


@pytest.mark.parametrize("expected", ORDERED)
def test_newest_first(expected: list[str]) -> None:
    shuffled = expected[:]
    random.Random(7).shuffle(shuffled)
    assert newest_first(shuffled) == expected


@given(st.lists(NAMES, unique=True, max_size=30), st.randoms(use_true_random=False))
def test_the_order_is_total_and_never_raises(names: list[str], shuffle: random.Random) -> None:
    """Given the same names in any order, then the result is the same: no two names are equal."""
    shuffled = names[:]
    shuffle.shuffle(shuffled)
    ordered = newest_first(names)
    assert ordered == newest_first(shuffled)
    assert sorted(ordered) == sorted(names)
    assert len({version_key(name) for name in names}) == len(names)


@given(NAMES, NAMES, NAMES)
def test_the_order_is_transitive(a: str, b: str, c: str) -> None:
    first, second, third = sorted([a, b, c], key=version_key)
    assert version_key(first) <= version_key(second) <= version_key(third)
    assert version_key(first) <= version_key(third)
    assert (version_key(a) < version_key(b)) + (version_key(b) < version_key(a)) + (a == b) == 1


@given(st.lists(NAMES, unique=True, max_size=30))
def test_versions_come_first_and_moving_names_last(names: list[str]) -> None:
    strict = has_bare_commits(names)
    kinds = [version_key(name, strict=strict)[0] for name in newest_first(names)]
    assert kinds == sorted(kinds, reverse=True)
    if "latest" in names:
        assert kinds[-1] == 0


@pytest.mark.parametrize(
    "name",
    [
        "9" * 5000,
        "1." * 3000 + "0",
        "\ud800",
        "",
        "1\n2",
        "-" * 5000,
        "a1" * 3000,
        "1-\ud800",
        "\x01\x7f~}",
        "9" * 6000,
    ],
)
def test_names_that_break_parsers(name: str) -> None:
    assert sorted(newest_first([name, "1.0"])) == sorted([name, "1.0"])


def test_what_is_no_version_is_left_out() -> None:
    digest = "sha256-" + "0a" * 32
    left_out = ["1.0.sig", "1.0.att", "1.0.sbom", f"{digest}.sig", digest, "a.b.sbom"]
    kept = ["1.0", "sha256-abc", f"{digest}0", "sig", "att", "1.0.signed"]
    assert without_attachments(left_out + kept) == tuple(kept)
