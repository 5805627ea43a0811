"""Limits on all conditions of a query together.

MongoDB prepares every text and value before it checks its time limit, and afterwards checks it only between
plugins: each of these sums limits the work on one plugin. For the worst plugin of the largest size that is
some seconds, half a minute with the worst regular expressions; the caller gets ``QUERY_TIMEOUT`` after the
time limit.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from contracts.query.faults import expected
from contracts.query.keys import LARGE, root_of

MAX_SUMS = {
    "texts": 2_000,
    "values of in and not_in": 20_000,
    "regular expressions": 100,
    "pairs of match": 500,
    "regular expressions on large fields": 8,
    "texts on large fields": 100,
    "characters of texts on large fields": 1_000,
}
"""The sums over all conditions of a query, each with its limit. The large fields are ``capability``,
``labels``, ``registry_config``, ``tags`` and ``template``.
"""

MAX_GROUP_PARTS = 100
"""The largest number of parts in the keys of all group conditions of an aggregation together: each may lead
into a list.
"""


def check_sums(**lists: Sequence[Any]) -> None:
    """Refuse conditions that are small by themselves and too much together; ``lists``: by their names in the
    query.
    """
    sums: Counter[str] = Counter()
    for name, conditions in lists.items():
        for index, condition in enumerate(conditions):
            sums.update(_amounts(condition))
            for what, most in MAX_SUMS.items():
                if sums[what] > most:
                    raise expected(f"at most {most} {what} in all conditions", f"{name}[{index}].value")


def _amounts(condition: Any) -> dict[str, int]:
    value = condition.value
    match condition.operator:
        case "in" | "not_in":
            return {"values of in and not_in": len(value)}
        case "match":
            return {"pairs of match": len(value)}
        case "regex" | "regex_in":
            return _with_large(condition, "regular expressions", len(_listed(value)))
        case "contain" | "not_contain" | "contain_in" | "not_contain_in":
            characters = sum(map(len, _listed(value)))
            return _with_large(condition, "texts", len(_listed(value)), characters)
        case _:
            return {}


def _with_large(condition: Any, what: str, count: int, characters: int = 0) -> dict[str, int]:
    if root_of(condition.key) not in LARGE:
        return {what: count}
    large = {f"{what} on large fields": count, "characters of texts on large fields": characters}
    return {what: count, **large}


def _listed(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
