"""The errors that a caller can get, each with a code that does not change.

The kind decides what happens next::

    ContractError
    ├── Refused        final: the command is answered and forgotten
    │   ├── RequiredParameter, InvalidParameter, InvalidImage, InvalidTemplateSchema, InvalidQuery
    │   ├── RegistryNotAllowed, PluginAlreadyExists, RepositoryNotLocal, RevisionConflict
    │   ├── PluginNotFound, RepositoryNotFound, ImageNotFound
    │   ├── DeadlineExceeded, ResultTooLarge, QueryTimeout, DecidedBefore
    │   └── Unauthenticated, PermissionDenied
    ├── Unavailable    a server is away: a read is answered with it, a write waits and tries again
    │   ├── VersionsPending
    │   └── RegistryUnavailable, RepositoryUnavailable, StoreUnavailable
    └── Fault          a bug: a write is tried three times, a read or an item of a batch once; then it is
        │              kept as a dead letter
        └── InternalFault

In a message, an error is Celery's ``FAILURE`` with ``exc_module`` ``contracts.errors``, ``exc_type`` the
class name and ``exc_message`` ``[message, code, details]``. So a Python caller gets these classes again.
"""

from typing import Any, ClassVar, Literal

from contracts.lengths import MAX_TEXT_LENGTH, bounded, shortened

Kind = Literal["refused", "unavailable", "fault"]
"""The three kinds of errors."""

RegistryReason = Literal["auth", "refused", "not_allowed", "malformed", "unreachable", "throttled", "timeout"]
"""Why a registry gave no versions: ``details.reason`` of ``RegistryUnavailable``.

``auth``: the registry, or its token service, does not let us in.
``refused``: it answers with another error.
``not_allowed``: this deployment does not follow where the image leads.
``malformed``: its answer is no list of versions.
``unreachable``: there is no connection to it.
``throttled``: it is to be left alone for now.
``timeout``: it does not answer in time.
"""


class ContractError(Exception):
    """An error that may be answered to a caller.

    ``message``: one sentence for a person.
    ``code``: stable, for programs.
    ``details``: a JSON object. ``path`` names the wrong field; ``spaceone_code`` is the code of SpaceONE's
    own service, if there is one.

    All three are also ``args``: that is how Celery carries them. Texts that are too long are cut.
    """

    kind: ClassVar[Kind]
    code: str = "INTERNAL"
    spaceone_code: ClassVar[str | None] = None

    def __init__(self, message: str, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        self.message = shortened(message, MAX_TEXT_LENGTH)
        self.code = code or type(self).code
        self.details = bounded(details or {})
        if self.spaceone_code:
            self.details.setdefault("spaceone_code", self.spaceone_code)
        super().__init__(self.message, self.code, self.details)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return the error as in a batch result: ``type``, ``message``, ``code``, ``details``."""
        return {
            "type": type(self).__name__,
            "message": self.message,
            "code": self.code,
            "details": self.details,
        }


class Refused(ContractError):
    """An error that is final: the command has no effect."""

    kind = "refused"


class Unavailable(ContractError):
    """An error of a server that is away: the same command can succeed later."""

    kind = "unavailable"


class Fault(ContractError):
    """An error of this service: a bug."""

    kind = "fault"


class RequiredParameter(Refused):
    """Raised when a required field is missing or empty; ``details.path``."""

    code = "REQUIRED_PARAMETER"
    spaceone_code = "ERROR_REQUIRED_PARAMETER"


class InvalidParameter(Refused):
    """Raised when a field has the wrong type or value, is unknown, too long or nested too deep;
    ``details.path``.
    """

    code = "INVALID_PARAMETER"


class InvalidImage(Refused):
    """Raised when ``image`` is not an OCI repository name, or is too long for this deployment."""

    code = "INVALID_IMAGE"
    spaceone_code = "ERROR_INVALID_IMAGE_NAME_FORMAT"


class InvalidTemplateSchema(Refused):
    """Raised when a ``schema`` in ``template`` is not a valid JSON Schema; ``details.path``."""

    code = "INVALID_TEMPLATE_SCHEMA"
    spaceone_code = "ERROR_INVALID_TEMPLATE_SCHEMA"


class InvalidQuery(Refused):
    """Raised when a query is not valid; ``details.path`` and ``details.expected``."""

    code = "INVALID_QUERY"


class RegistryNotAllowed(Refused):
    """Raised when this deployment does not allow the registry host."""

    code = "REGISTRY_NOT_ALLOWED"


class PluginAlreadyExists(Refused):
    """Raised when the domain already has a plugin with that id."""

    code = "ALREADY_EXISTS"
    spaceone_code = "ERROR_NOT_UNIQUE"


class PluginNotFound(Refused):
    """Raised when no repository in reach has the plugin."""

    code = "NOT_FOUND"
    spaceone_code = "ERROR_NO_PLUGIN"


class RepositoryNotFound(Refused):
    """Raised when ``repository_id`` is not a configured repository."""

    code = "NOT_FOUND"


class RepositoryNotLocal(Refused):
    """Raised when a write names a plugin of a managed repository."""

    code = "REPOSITORY_NOT_LOCAL"


class RevisionConflict(Refused):
    """Raised when ``expected_revision`` is not the present revision, which is ``details.revision``."""

    code = "REVISION_CONFLICT"


class DeadlineExceeded(Refused):
    """Raised when a command's ``expires`` passed before the command was applied."""

    code = "DEADLINE_EXCEEDED"


class ResultTooLarge(Refused):
    """Raised when an answer has more rows or bytes than a reply may have."""

    code = "RESULT_TOO_LARGE"


class QueryTimeout(Refused):
    """Raised when a query takes longer than the server's time limit."""

    code = "QUERY_TIMEOUT"


class Unauthenticated(Refused):
    """Raised when a token is missing, has expired or cannot be verified."""

    code = "UNAUTHENTICATED"


class PermissionDenied(Refused):
    """Raised when a valid token does not permit the operation."""

    code = "PERMISSION_DENIED"


class ImageNotFound(Refused):
    """Raised when the registry says that the image does not exist."""

    code = "IMAGE_NOT_FOUND"
    spaceone_code = "ERROR_NO_IMAGE_IN_REGISTRY"


class DecidedBefore(Refused):
    """Raised when the command id was used for another command before, or when a redelivered command was
    decided before and had no effect.
    """

    code = "DECIDED_BEFORE"


class VersionsPending(Unavailable):
    """Raised when an image has no version list yet because its first fetch is under way; ask again."""

    code = "VERSIONS_PENDING"


class RegistryUnavailable(Unavailable):
    """Raised when the registry does not answer, or refuses us. ``details.reason`` is auth, refused,
    not_allowed, malformed, unreachable, throttled or timeout; ``details.next_try_at`` is when it is asked
    again (RFC 3339). Either may be absent.
    """

    code = "REGISTRY_UNAVAILABLE"


class RepositoryUnavailable(Unavailable):
    """Raised when a remote repository does not answer."""

    code = "REPOSITORY_UNAVAILABLE"


class StoreUnavailable(Unavailable):
    """Raised when the store does not answer in time."""

    code = "STORE_UNAVAILABLE"


class InternalFault(Fault):
    """Raised when a command met a bug; the whole message is kept as the dead letter
    ``details.dead_letter_id``.
    """

    code = "INTERNAL"
