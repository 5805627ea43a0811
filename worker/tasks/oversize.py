"""The answer to a message that is too large to be handed to any task."""

from collections.abc import Sequence

from contracts.errors import InvalidParameter
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES, is_command_id
from worker.domain.dead_letter import OVERSIZE, DeadLetter
from worker.tasks.answer_store import AnswerStore
from worker.tasks.answers import Answer
from worker.tasks.envelope import answer_id_of


def answer_oversize(answers: AnswerStore, letters: Sequence[DeadLetter]) -> None:
    """Answer ``InvalidParameter`` to messages that were parked for their size alone.

    Nothing is answered to one whose command id cannot be read, or whose caller waits for no answer. It may be
    called twice.
    """
    answers.store_all([_answer(letter) for letter in letters if _is_answered(letter)])


def _is_answered(letter: DeadLetter) -> bool:
    is_waited_for = is_command_id(letter.headers.get("id")) and not letter.headers.get("ignore_result")
    return letter.reason == OVERSIZE and is_waited_for


def _answer(letter: DeadLetter) -> Answer:
    limit = MAX_BATCH_BYTES if letter.task == "plugin.batch" else MAX_COMMAND_BYTES
    error = InvalidParameter(
        f"the message has {letter.size} bytes, at most {limit} are allowed",
        details={"path": "", "reason": letter.reason},
    )
    return Answer.failure(answer_id_of(letter.headers, str(letter.headers["id"])), error)
