"""The answer to a message that is too large to be handed to any task."""

from contracts.errors import InvalidParameter
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES, is_command_id
from worker.dead_letters.message import read_message
from worker.dead_letters.parking import ParkedMessage
from worker.tasks.answer_store import AnswerStore
from worker.tasks.answers import Answer
from worker.tasks.envelope import answer_id_of


def answer_oversize(answers: AnswerStore, parked: ParkedMessage) -> None:
    """Answer ``InvalidParameter`` to a message that was parked for its size alone.

    Nothing is answered if its command id cannot be read, or if its caller waits for no answer. It may be
    called twice.
    """
    if parked.reason != "oversize":
        return
    reading = read_message(parked.raw)
    command_id = reading.headers.get("id")
    if not is_command_id(command_id) or reading.headers.get("ignore_result"):
        return
    limit = MAX_BATCH_BYTES if reading.task == "plugin.batch" else MAX_COMMAND_BYTES
    error = InvalidParameter(
        f"the message has {len(parked.raw)} bytes, at most {limit} are allowed",
        details={"path": "", "reason": parked.reason},
    )
    answers.store(Answer.failure(answer_id_of(reading.headers, str(command_id)), error))
