"""Given the tag list of an image, as registries hold them, then its order is the one that a person expects."""

import random
from pathlib import Path

import pytest
import yaml

from worker.domain.versions import is_version_name, newest_first

LISTS: dict[str, list[str]] = {
    name: tags.split()
    for lists in yaml.safe_load((Path(__file__).parent / "tag_lists.yaml").read_text()).values()
    for name, tags in lists.items()
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_in_the_order_that_a_person_expects(name: str) -> None:
    expected = LISTS[name]
    shuffled = expected[:]
    random.Random(name).shuffle(shuffled)
    assert newest_first(shuffled) == expected


def test_the_lists_are_many_and_of_tags() -> None:
    assert len(LISTS) >= 120
    assert all(is_version_name(tag) for tags in LISTS.values() for tag in tags)
    assert all(len(set(tags)) == len(tags) >= 3 for tags in LISTS.values())
