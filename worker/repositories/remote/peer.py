"""A remote repository: another deployment of this service, asked through its queues."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import redis

from contracts.client import AskTimeout
from contracts.errors import (
    ContractError,
    ImageNotFound,
    InvalidQuery,
    PluginNotFound,
    QueryTimeout,
    RegistryUnavailable,
    RepositoryUnavailable,
    ResultTooLarge,
    VersionsPending,
)
from contracts.plugin import RepositoryInfo
from contracts.query import Query
from worker.domain.repositories import RemoteOptions
from worker.repositories.remote.answers import Answers, BadAnswer
from worker.repositories.remote.circuit import Attempt, Circuit
from worker.repositories.remote.clients import Clients, Connect
from worker.repositories.remote.line import Line

logger = logging.getLogger(__name__)

T = TypeVar("T")
Reason = Literal["timeout", "unreachable", "invalid_answer", "refused", "token", "waiting"]

THREADS = 4
"""Asks of one remote at a time, in one process."""

SKEW_S = 60.0
"""How far the clocks of two deployments may be apart before one's questions seem too old to the other."""

_PASSED_ON: Mapping[str, tuple[type[ContractError], ...]] = {
    "get": (PluginNotFound,),
    "list": (InvalidQuery, QueryTimeout, ResultTooLarge),
    "get_versions": (PluginNotFound, ImageNotFound, RegistryUnavailable, VersionsPending),
}
"""By operation, the errors that are for the caller to act on: passed on by class, never in its words."""

_PART_OF_QUERY = re.compile(r"query\.([a-z_]+)")


class Remote:
    """Asks one remote repository; threads may share it.

    ``token`` gives the secret to send, or None; it is asked each time, as secrets change. Every question
    ends within ``timeout_s``: with an answer, or with ``RepositoryUnavailable``, whose ``details`` have
    ``repository_id`` and ``reason``.
    """

    def __init__(
        self,
        info: RepositoryInfo,
        options: RemoteOptions,
        token: Callable[[], str | None] = lambda: None,
        connect: Connect = Line,
    ) -> None:
        self.info = info
        self.answers = Answers(info, options.domain_id)
        self._options = options
        self._token = token
        self._clients = Clients(lambda token: connect(options.redis_url, token, options.timeout_s))
        self._circuit = Circuit()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"remote-{info.repository_id}")
        self._was_away = False

    def ask(self, operation: str, read: Callable[[Any], T], **params: Any) -> "Question[T]":
        """Ask, and go on; ``read`` validates the answer and raises ``BadAnswer``."""
        deadline = time.monotonic() + self._options.timeout_s
        attempt = self._circuit.enter()
        if attempt is None:
            refused: Future[T] = Future()
            refused.set_exception(self.unavailable("waiting"))
            return Question(self, refused, deadline, None)
        arguments = {"domain_id": self._options.domain_id, **params}
        asked = self._threads.submit(self._ask, operation, read, arguments, deadline, attempt)
        return Question(self, asked, deadline, attempt)

    def unavailable(self, reason: Reason) -> RepositoryUnavailable:
        """What to answer when this remote has not answered."""
        return RepositoryUnavailable(
            f"the remote repository {self.info.repository_id} did not answer: {reason}",
            details={"repository_id": self.info.repository_id, "reason": reason},
        )

    def close(self) -> None:
        """Close every connection; questions that are open end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    def _ask(
        self,
        operation: str,
        read: Callable[[Any], T],
        params: dict[str, Any],
        deadline: float,
        attempt: Attempt,
    ) -> T:
        answered = False
        try:
            answer = self._answer(operation, params, deadline)
            answered = True
            result = read(answer)
        except RepositoryUnavailable as told:
            answered = told.details["reason"] == "refused"
            raise
        except ContractError:
            answered = True
            self._answers_again()
            raise
        except BadAnswer as fault:
            raise self._failed("invalid_answer", str(fault)) from None
        finally:
            attempt.end(answered)
        self._answers_again()
        return result

    def _answer(self, operation: str, params: dict[str, Any], deadline: float) -> Any:
        try:
            token = self._token()
        except Exception as fault:  # noqa: BLE001  # whatever keeps a secret from being read, its words may quote it
            raise self._failed("token", type(fault).__name__) from None
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._failed("timeout", "no thread was free")
        client = self._clients.take(token)
        try:
            answer = client.ask(operation, timeout_s=left, expires_s=left + SKEW_S, **params)
        except ContractError as told:
            self._clients.give_back(client, token)
            raise self._told(operation, told) from None
        except AskTimeout:
            self._clients.drop(client)
            raise self._failed("timeout", "no answer in time") from None
        except BaseException as fault:  # noqa: BLE001  # Celery raises whatever class the answer names, SystemExit too
            self._clients.drop(client)
            is_away = isinstance(fault, OSError | redis.RedisError)
            raise self._failed("unreachable" if is_away else "invalid_answer", _name(fault)) from None
        self._clients.give_back(client, token)
        return answer

    def _told(self, operation: str, told: ContractError) -> ContractError:
        """An error of the remote as it is passed on."""
        kind = next((kind for kind in _PASSED_ON[operation] if type(told) is kind), None)
        if kind is None:
            return self._failed("refused", type(told).__name__)
        name = self.info.repository_id
        details = {"repository_id": name}
        if kind is InvalidQuery:
            details |= {"path": _place(told), "expected": "a query that the remote repository takes"}
        return kind(f"the remote repository {name} answered {kind.code}", details=details)

    def _answers_again(self) -> None:
        """Log the first answer of use; one that cannot be used keeps the circuit closed, and is no such."""
        if self._was_away:
            self._was_away = False
            logger.info("remote repository %s answers again", self.info.repository_id)

    def _failed(self, reason: Reason, why: str) -> RepositoryUnavailable:
        """Log the first of several failures, without words of the remote and without its URL."""
        if not self._was_away:
            self._was_away = True
            logger.warning("remote repository %s: %s (%s)", self.info.repository_id, reason, why)
        return self.unavailable(reason)


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A question that has been asked."""

    remote: Remote
    answer: "Future[T]"
    deadline: float
    attempt: Attempt | None

    def result(self) -> T:
        """The answer. Raises ``RepositoryUnavailable``, or an error that the remote answered."""
        try:
            return self.answer.result(max(0.0, self.deadline - time.monotonic()))
        except FutureTimeout:
            if self.attempt:
                self.attempt.end(answered=False)
            self.give_up()
            raise self.remote.unavailable("timeout") from None

    def give_up(self) -> None:
        """The answer is wanted no more."""
        if self.answer.cancel() and self.attempt:
            self.attempt.end(answered=None)


def _place(told: ContractError) -> str:
    """The field of a query that a remote refused: in its lists, it may have been sent other items than the
    caller did.
    """
    found = _PART_OF_QUERY.match(str(told.details.get("path")))
    return found[0] if found and found[1] in Query.model_fields else "query"


def _name(fault: BaseException) -> str:
    """The class of an error as it may be logged: an answer can make Celery invent one, of any name."""
    name = type(fault).__name__
    return name if name.isidentifier() and len(name) <= 64 else "an error"
