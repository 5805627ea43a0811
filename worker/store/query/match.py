"""The first stages of a pipeline: which documents a query is about.

One ``$match`` is enough, and is also the filter of a find, unless a condition names ``domain_id`` while
managed plugins are in reach: they are stored without one, and get the asking domain before the conditions
apply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.query import Query, StatisticsQuery
from contracts.query.keys import root_of
from worker.domain.scope import MANAGED
from worker.store.client import Document
from worker.store.query.operators import compile_condition
from worker.store.query.paths import DOMAIN, PLUGIN, stored
from worker.store.query.patterns import literal

Shortcuts = Mapping[str, Any]
"""Key to the value it has, or to a list of values it may have; null and ``""`` count as not given."""

_REPOSITORY = "repository_info.repository_id"

KEYWORD_FIELDS = ("plugin_id", "name", "provider", "labels")
"""The fields that a word of ``keyword`` is searched in."""

TEXT_FIELDS = frozenset({"plugin_id", "name", "state", "service_type", "provider", "registry_type", "image"})
"""The fields that are one text, never a list."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The plugins that a read sees: the asking domain's own, the managed ones, or both.

    ``among``: the ids of the managed repositories; empty for all.
    """

    domain_id: str
    local: bool = True
    managed: bool = False
    among: tuple[str, ...] = ()

    @property
    def scopes(self) -> list[str]:
        """The scopes in reach."""
        return [self.domain_id] * self.local + [MANAGED] * self.managed


def compile_head(
    reach: Reach, shortcuts: Shortcuts, query: Query | StatisticsQuery, now: datetime
) -> list[Document]:
    """Return the stages that select the documents of a query: ``$match`` alone, or with the domain
    filled in.
    """
    selection = [*_scope(reach), *_shortcuts(shortcuts)]
    conditions = _conditions(query, now)
    if reach.managed and _names_domain(query):
        filled = {"$set": {f"{PLUGIN}.{DOMAIN}": {"$literal": reach.domain_id}}}
        return [{"$match": {"$and": selection}}, filled, {"$match": {"$and": conditions}}]
    return [{"$match": {"$and": [*selection, *conditions]}}]


def fixed_keys(shortcuts: Shortcuts, query: Query) -> set[str]:
    """Return the keys of text fields that have one value in every row, because of a shortcut or a
    condition.
    """
    fixed = {key for key, value in shortcuts.items() if value and isinstance(value, str)}
    return fixed | {
        c.key for c in query.filter if c.operator == "eq" and c.key in TEXT_FIELDS and c.value is not None
    }


def _scope(reach: Reach) -> list[Document]:
    scopes = reach.scopes
    found: list[Document] = [{"scope": {"$eq": scopes[0]} if len(scopes) == 1 else {"$in": scopes}}]
    if reach.managed and reach.among:
        # The scope selects local plugins: they may still have an earlier id of their repository stored.
        own = [{"scope": {"$eq": reach.domain_id}}] * reach.local
        found.append({"$or": [*own, {stored(_REPOSITORY): {"$in": list(reach.among)}}]})
    return found


def _shortcuts(shortcuts: Shortcuts) -> list[Document]:
    return [
        {stored(key): {"$in": list(value)} if isinstance(value, list | tuple) else {"$eq": value}}
        for key, value in shortcuts.items()
        if value is not None and value != ""
    ]


def _conditions(query: Query | StatisticsQuery, now: datetime) -> list[Document]:
    conditions = [compile_condition(condition, now) for condition in query.filter]
    if query.filter_or:
        conditions.append({"$or": [compile_condition(condition, now) for condition in query.filter_or]})
    if query.words:
        conditions.append(_keyword(query.words))
    return conditions


def _keyword(words: Sequence[str]) -> Document:
    patterns = [literal(word) for word in words]
    return {"$or": [{stored(field): {"$in": patterns}} for field in KEYWORD_FIELDS]}


def _names_domain(query: Query | StatisticsQuery) -> bool:
    return any(root_of(condition.key) == DOMAIN for condition in (*query.filter, *query.filter_or))
