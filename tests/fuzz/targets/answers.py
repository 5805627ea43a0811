"""Stored answers, as the client reads them."""

from collections.abc import Sequence

from contracts._client.decode import read_answer
from contracts._client.unanswered import UnreadableAnswer
from contracts.errors import InvalidQuery, PluginNotFound
from tests.fuzz.script import Script, changed_bytes
from tests.fuzz.target import Target
from worker.tasks.answers import Answer

_STORED = [
    Answer.success("c-1", '{"results": [{"name": "n", "tags": {"a": [1, 2.5, null]}}], "total_count": 1}'),
    Answer.failure("c-2", PluginNotFound("no", details={"plugin_id": "p"})),
    Answer.failure("c-3", InvalidQuery("no", details={"path": "query.filter[0]", "faults": [{"path": "a"}]})),
]
SEEDS: Sequence[bytes] = [*(answer.body.encode() for answer in _STORED), b"{}", b"x\x9c\x03", b"null"]
WORDS: Sequence[bytes] = [
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"null", b"1e999", b"NaN", b"9" * 5_000, b"[" * 300, b"\xff"),
    *(b"SUCCESS", b"FAILURE", b"REVOKED", b"RETRY", b"SystemExit", b"builtins", b"contracts.errors", b"ContractError"),
    *(b"exc_type", b"exc_message", b"exc_module", b'"result": ', b'"status": ', b"\\ud800", b"__type__", b"Kind"),
]  # fmt: skip


def _use(payload: bytes) -> None:
    try:
        answer = read_answer(payload)
    except UnreadableAnswer as error:
        str(error)
    else:
        assert (answer["status"] == "FAILURE") == isinstance(answer["result"], Exception)


def _make(script: Script) -> bytes:
    return changed_bytes(script, SEEDS, WORDS)


ANSWERS = Target("answers", _make, _use)
