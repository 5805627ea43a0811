"""Given a version, when something is put behind it, then it moves as the rule says."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.versions import newest_first
from worker.domain.versions.order import version_key
from worker.domain.versions.suffix import PRE_RELEASES

# Longer ones would be hashes of commits with some letters behind them: 999a999.
NUMBERS = st.lists(st.integers(0, 99), min_size=1, max_size=5).map(lambda parts: ".".join(map(str, parts)))
VERSIONS = st.builds(lambda v, number: v + number, st.sampled_from(["", "v", "V"]), NUMBERS)
COUNTS = st.integers(0, 998)
LONG = sorted(word for word in PRE_RELEASES if len(word) > 1)
LABELS = st.sampled_from(sorted(PRE_RELEASES))
SEPARATORS = st.sampled_from(["-", ".", "_"])
VARIANTS = st.sampled_from(
    ["alpine", "slim", "bookworm", "alpine3.19", "jre17", "debian-12-r5", "windows", "k3s1"]
)
BUILDS = st.one_of(COUNTS.map(str), st.dates().map(lambda day: f"{day:%Y%m%d}"))
PREFIXES = st.sampled_from(["", "agent-", "release-", "linux-amd64-", "pg16-", "alpine-v", "4d2f9e1-"])


def assert_order(*newest: str) -> None:
    assert newest_first(reversed(newest)) == list(newest)


@given(PREFIXES, NUMBERS, LABELS, SEPARATORS, COUNTS)
def test_a_pre_release_goes_below_its_version(
    prefix: str, number: str, label: str, separator: str, count: int
) -> None:
    version = prefix + number
    assert_order(version, f"{version}{separator}{label}")
    assert_order(version, f"{version}{separator}{label}{count + 1}", f"{version}{separator}{label}.{count}")
    assert version_key(f"{version}{label}{count % 100}") < version_key(version)  # 10ea100 is a hash


@given(VERSIONS, st.sampled_from(string.ascii_letters), COUNTS, VARIANTS)
def test_a_letter_goes_above_its_version_and_below_a_further_part(
    version: str, letter: str, count: int, variant: str
) -> None:
    assert_order(f"{version}.1", version + letter, f"{version}{letter}-{variant}", version)
    if letter.lower() not in PRE_RELEASES:
        assert_order(f"{version}{letter}{count + 1}", f"{version}{letter}{count}", version)


@given(VERSIONS, st.lists(st.sampled_from(string.ascii_lowercase), min_size=2, unique=True))
def test_letters_behind_a_number_are_one_alphabet(version: str, letters: list[str]) -> None:
    letters.sort(reverse=True)
    assert_order(*(version + letter for letter in letters), version)


@given(PREFIXES, NUMBERS, st.sampled_from(["-", "_"]), BUILDS, LABELS)
def test_a_build_goes_between_the_version_and_its_pre_releases(
    prefix: str, number: str, separator: str, build: str, label: str
) -> None:
    version = f"{prefix}{number}.7"
    assert_order(version, f"{version}{separator}{build}", f"{version}-{label}2")


@given(VERSIONS, COUNTS, COUNTS)
def test_builds_compare_as_numbers(version: str, one: int, other: int) -> None:
    version += ".7"
    low, high = sorted((one, other))
    assert version_key(f"{version}-{low}") <= version_key(f"{version}-{high}")
    assert version_key(f"{version}-r{low}") <= version_key(f"{version}-r{high}")
    assert version_key(f"{version}-debian-{low}-r9") <= version_key(f"{version}-debian-{high}-r9")


@given(VERSIONS, SEPARATORS, VARIANTS, LABELS, COUNTS)
def test_a_variant_goes_between_the_version_and_its_pre_releases(
    version: str, separator: str, variant: str, label: str, count: int
) -> None:
    assert_order(
        version,
        f"{version}{separator}{variant}",
        f"{version}-{label}{count}",
        f"{version}-{label}{count}{separator}{variant}",
    )


@given(VERSIONS, VARIANTS, st.sampled_from(LONG), COUNTS)
def test_a_pre_release_behind_a_variant_is_one(version: str, variant: str, label: str, count: int) -> None:
    assert_order(version, f"{version}-{variant}", f"{version}-{variant}-{label}{count}")


@given(
    VERSIONS,
    SEPARATORS,
    st.sampled_from(["post", "patch", "hotfix", "security", "sp", "sr", "sec", "hf", "p", "pl"]),
    COUNTS,
    LABELS,
)
def test_a_later_patch_goes_above_its_version(
    version: str, separator: str, word: str, count: int, label: str
) -> None:
    patch = f"{version}{separator}{word}"
    assert_order(
        f"{version}.1", f"{patch}{count + 1}", f"{patch}{count}", f"{patch}{count}-{label}1", version
    )


@given(PREFIXES, NUMBERS, SEPARATORS, LABELS, COUNTS, VARIANTS)
def test_capital_and_small_letters_have_the_same_place(
    prefix: str, number: str, separator: str, label: str, count: int, variant: str
) -> None:
    name = f"{prefix}{number}{separator}{label}{count}-{variant}"
    assert version_key(name)[:2] == version_key(name.upper())[:2] == version_key(name.swapcase())[:2]
    assert len(set(newest_first([name, name.upper()]))) == 2


@given(VERSIONS, st.sampled_from(["Final", "GA", "RELEASE", "release", "final"]), SEPARATORS)
def test_the_release_may_be_named(version: str, word: str, separator: str) -> None:
    assert version_key(f"{version}{separator}{word}")[:2] == version_key(version)[:2]


@given(
    NUMBERS,
    st.lists(
        st.tuples(st.sampled_from(["alpha", "beta", "pre", "rc", "snapshot"]), st.lists(COUNTS, max_size=3)),
        min_size=2,
        unique_by=lambda item: (item[0], tuple(item[1])),
    ),
)
def test_pre_releases_have_the_order_of_semver(number: str, pre: list[tuple[str, list[int]]]) -> None:
    names = [
        f"{number}-{'.'.join((label, *map(str, counts)))}" for label, counts in sorted(pre, reverse=True)
    ]
    assert_order(number, *names)


@pytest.mark.parametrize(
    "expected",
    [
        ["2024c", "2024b"],
        ["1.0.2u", "1.0.2k"],
        ["1.0.2d", "1.0.2c"],
        ["20240301a", "20240229"],
        ["3.12.4rc2-slim", "3.12.3"],
        ["1.4.0", "7654321"],
        ["agent-2.0.0", "agent-2.0.0-rc2"],
        ["2.0-post11", "2.0.post3"],
        ["6.1.0.Final", "6.1.0.RC1"],
        ["6.1.0.GA", "6.1.0.RC1"],
        ["1.0.0", "1.0.0-slim", "1.0.0-b20240229", "1.0.0-b20240228"],
        ["1.0.0-rc2", "1.0.0-RC1"],
        ["1.0.0-RC2", "1.0.0-rc1"],
    ],
)
def test_what_users_of_other_tools_reported(expected: list[str]) -> None:
    assert_order(*expected)


@pytest.mark.parametrize(
    "expected",
    [
        ["1.4.0", "7654321-alpine"],
        ["v1.4.0", "release-1.3", "7654321"],
        ["release-1.3.0", "7654321"],
        ["sha-4d2f9e1", "7654321"],
        ["20240229", "1.4.0"],
        ["20240229120000", "1.4.0"],
        ["1.4.0", "20241399"],
        ["1.4.0", "1700000000"],
        ["123456", "1.4.0"],
        ["7654322", "7654321", "999999"],
        ["7654322", "7654321", "999999", f"sha256-{'4d' * 32}.sig"],
    ],
)
def test_a_bare_number_is_a_hash_where_the_list_tells_versions(expected: list[str]) -> None:
    assert_order(*expected)


@pytest.mark.parametrize(
    "name",
    [
        "4d2f9e1",
        "412900c",
        "29a04411",
        "123456789a12",
        "12345b67",
        "4D2F9E1",
        "4d2f9e1-slim",
        "2024022a",
        "3rdparty",
    ],
)
def test_a_name_that_only_begins_with_digits_is_no_version(name: str) -> None:
    assert_order("0.1", name, "latest")


@pytest.mark.parametrize(
    "name", ["stable", "STABLE", "stable-slim", "latest-alpine", "lts-jdk17", "pg16-latest", "nightly.gpu"]
)
def test_a_moving_name_is_behind_the_others_with_its_variants(name: str) -> None:
    assert_order("0.1", "main-4d2f9e1", "edge-24.1", "abc", name, "latest")


@pytest.mark.parametrize(
    "name", ["1.2.3ce", "3.12slim", "20240229T120000Z", "2024-02-29T12-00-00Z", "20240229b"]
)
def test_a_dotted_number_or_a_day_is_a_version_whatever_follows(name: str) -> None:
    assert version_key(name)[0] == version_key("1.0")[0]


@pytest.mark.parametrize(
    "expected",
    [
        ["1.0", "1.0-ent", "1.0-alpine", "1.0-ent-rc1", "1.0-alpine-beta2"],
        ["1.0-slim", "1.0-alpine-rc.2", "1.0-slim-rc.1"],
        ["1.0-rc1.2", "1.0-rc1", "1.0-rc1-2"],
        ["1.0-beta.alpha", "1.0-beta", "1.0-beta-SNAPSHOT"],
        ["1.0-post.2", "1.0-post", "1.0k", "1.0k-2"],
        ["1.0", "1.0-a123456", "1.0-rc1", "1.0-a12345"],
        ["1.0.1", "1.0", "1.0.4d2f9e1"],
        ["1.0-face", "1.0-deadbeef"],
    ],
)
def test_a_word_is_read_by_what_stands_around_it(expected: list[str]) -> None:
    assert_order(*expected)
