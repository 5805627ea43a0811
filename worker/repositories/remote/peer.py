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

from contracts.client import AskTimeout, UnreadableAnswer
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
from worker.repositories.remote.answers import Answers, BadAnswer, why_unavailable
from worker.repositories.remote.circuit import Circuit, Permit
from worker.repositories.remote.clients import Clients, Connect
from worker.repositories.remote.line import Line

logger = logging.getLogger(__name__)

T = TypeVar("T")
PeerFailure = Literal["timeout", "unreachable", "invalid_answer", "refused", "token", "waiting"]

THREADS = 4
"""Asks of one remote at a time, in one process."""

SKEW_S = 60.0
"""How far apart the clocks of two deployments may be before questions of one are too old for the other."""

_PASSED_ON: Mapping[str, tuple[type[ContractError], ...]] = {
    "get": (PluginNotFound,),
    "list": (InvalidQuery, QueryTimeout, ResultTooLarge),
    "get_versions": (PluginNotFound, ImageNotFound, RegistryUnavailable, VersionsPending),
}
"""By operation, the errors on which the caller acts. Their class is passed on, never their words."""

_PART_OF_QUERY = re.compile(r"query\.([a-z_]+)")


class Remote:
    """Asks one remote repository. For all threads; close it at the end.

    Every question ends within ``options.timeout_s``: with an answer, an error that the remote answered, or
    ``RepositoryUnavailable``, whose ``details`` have ``repository_id`` and ``reason``.

    ``token``: returns the secret to send, or None; it is called for each question, as secrets change.
    ``connect``: makes a client.
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
        """Ask without waiting for the answer.

        ``read``: validates the answer; raises ``BadAnswer``. ``params``: beside the domain.
        """
        deadline = time.monotonic() + self._options.timeout_s
        permit = self._circuit.permit()
        if permit is None:
            refused: Future[T] = Future()
            refused.set_exception(self.unavailable("waiting"))
            return Question(self, refused, deadline, None)
        arguments = {"domain_id": self._options.domain_id, **params}
        asked = self._threads.submit(self._ask, operation, read, arguments, deadline, permit)
        return Question(self, asked, deadline, permit)

    def unavailable(self, reason: PeerFailure) -> RepositoryUnavailable:
        """Return what to answer if this remote has not answered."""
        return RepositoryUnavailable(
            f"the remote repository {self.info.repository_id} did not answer: {reason}",
            details={"repository_id": self.info.repository_id, "reason": reason},
        )

    def close(self) -> None:
        """Close every connection. Open questions end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    def _ask(
        self,
        operation: str,
        read: Callable[[Any], T],
        params: dict[str, Any],
        deadline: float,
        permit: Permit,
    ) -> T:
        answered = False
        try:
            answer = self._answer(operation, params, deadline)
            answered = True
            result = read(answer)
        except RepositoryUnavailable as error:
            answered = error.details["reason"] == "refused"
            raise
        except ContractError:
            answered = True
            self._answers_again()
            raise
        except BadAnswer as error:
            raise self._failed("invalid_answer", str(error)) from None
        finally:
            permit.end(answered)
        self._answers_again()
        return result

    def _answer(self, operation: str, params: dict[str, Any], deadline: float) -> Any:
        try:
            token = self._token()
        except Exception as error:  # noqa: BLE001  # whatever keeps a secret from being read may quote it
            raise self._failed("token", type(error).__name__) from None
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._failed("timeout", "no thread was free")
        try:
            with self._clients.lend(token) as client:
                return client.ask(operation, timeout_s=left, expires_s=left + SKEW_S, **params)
        except UnreadableAnswer as error:
            raise self._failed("invalid_answer", error.message) from None
        except ContractError as error:
            raise self._passed_on(operation, error) from None
        except AskTimeout:
            raise self._failed("timeout", "no answer in time") from None
        except Exception as error:  # noqa: BLE001  # whatever keeps a remote from answering is its outage
            is_away = isinstance(error, OSError | redis.RedisError)
            reason: PeerFailure = "unreachable" if is_away else "invalid_answer"
            raise self._failed(reason, type(error).__name__) from None

    def _passed_on(self, operation: str, error: ContractError) -> ContractError:
        """Return an error of the remote as it is passed on."""
        kind = next((kind for kind in _PASSED_ON[operation] if type(error) is kind), None)
        if kind is None:
            return self._failed("refused", type(error).__name__)
        name = self.info.repository_id
        details: dict[str, Any] = {"repository_id": name}
        if kind is RegistryUnavailable:
            details |= why_unavailable(error.details)
        if kind is InvalidQuery:
            details |= {"path": _place(error), "expected": "a query that the remote repository takes"}
        return kind(f"the remote repository {name} answered {kind.code}", details=details)

    def _answers_again(self) -> None:
        """Log that a remote that was away has given an answer of use."""
        if self._was_away:
            self._was_away = False
            logger.info("remote repository %s answers again", self.info.repository_id)

    def _failed(self, reason: PeerFailure, why: str) -> RepositoryUnavailable:
        """Log the first of several failures, without the words of the remote and without its URL."""
        if not self._was_away:
            self._was_away = True
            logger.warning("remote repository %s: %s (%s)", self.info.repository_id, reason, why)
        return self.unavailable(reason)


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A question that has been asked. ``deadline``: monotonic seconds."""

    remote: Remote
    answer: "Future[T]"
    deadline: float
    permit: Permit | None

    def result(self) -> T:
        """Wait for the answer. Raises: ``RepositoryUnavailable``, or an error that the remote answered."""
        try:
            return self.answer.result(max(0.0, self.deadline - time.monotonic()))
        except FutureTimeout:
            if self.permit:
                self.permit.end(answered=False)
            self.give_up()
            raise self.remote.unavailable("timeout") from None

    def give_up(self) -> None:
        """Do not wait for the answer any more."""
        if self.answer.cancel() and self.permit:
            self.permit.end(answered=None)


def _place(error: ContractError) -> str:
    """Return the field of a query that a remote refused, without the place in a list: the remote was sent
    other conditions than the caller sent.
    """
    found = _PART_OF_QUERY.match(str(error.details.get("path")))
    return found[0] if found and found[1] in Query.model_fields else "query"
