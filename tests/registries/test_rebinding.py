"""Names whose addresses change, or differ, from one question to the next: what is dialled was checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, permutations, product

import pytest

from tests.registries.attacks import Make, Oci, attempt
from worker.domain.registry.addresses import parse_address
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.http.bounds import BoundedSocket

GOOD = ("8.8.8.8", "2001:4860:4860::8888")
BAD = ("127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "::ffff:127.0.0.1", "fd00::1")

# What each question of a name is answered: the same for ever, or one after the other, or several at once.
TURNS: list[tuple[tuple[str, ...], ...]] = [
    *(((one,), (other,)) for one, other in permutations((*GOOD, *BAD[:4]), 2)),
    *(((good, bad),) for good, bad in product(GOOD, BAD)),
    *(((bad, good),) for good, bad in product(GOOD, BAD)),
    *(((one,),) for one in (*GOOD, *BAD)),
    (GOOD,),
    (GOOD, BAD),
]


@pytest.mark.parametrize("allowed", ["registry.test", ".test", "registry.test,10.1.0.0/16"])
def test_no_address_is_dialled_that_may_not_be(
    registries: Make, oci: Oci, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    dialled: list[str] = []
    asked: list[tuple[str, ...]] = []
    answers: list[Iterator[tuple[str, ...]]] = []

    def resolve(host: str, port: int) -> tuple[str, ...]:
        asked.append(next(answers[-1]))
        return asked[-1]

    def connect(self: BoundedSocket, where: tuple[str, int]) -> None:
        dialled.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(BoundedSocket, "connect", connect)
    made = registries(allowed, resolver=resolve)
    may = _may(AllowedRegistries.parse(allowed))
    for turns in TURNS:
        asked.clear()
        answers.append(cycle(turns))
        outcomes = [attempt(made, oci("registry.test")) for _ in range(3)]
        # It is asked once for each connection, and one address that may not be dialled refuses them all.
        assert outcomes == ["unreachable" if all(map(may, turn)) else "not_allowed" for turn in asked], turns
        assert len(asked) == 3
    assert dialled and all(map(may, dialled))


def _may(rules: AllowedRegistries) -> Callable[[str], bool]:
    def may(text: str) -> bool:
        address = parse_address(text)
        return address is not None and rules.may_dial("registry.test", 443, address)

    return may


def test_the_corpus_is_as_large_as_it_was() -> None:
    assert len(TURNS) >= 60
