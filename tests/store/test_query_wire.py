"""A query that is passed on to another deployment means there what it meant here."""

from typing import Any

from hypothesis import given, settings

from contracts.query import parse_query
from tests.store.queries import lists


@settings(max_examples=300, deadline=None, database=None)
@given(lists)
def test_a_query_survives_being_sent(data: dict[str, Any]) -> None:
    query = parse_query(data)
    sent = query.model_dump(mode="json", exclude_defaults=True)
    assert parse_query(sent) == query
    assert parse_query(query.model_dump(mode="json")) == query
