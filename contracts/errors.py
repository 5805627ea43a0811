"""The errors a caller can meet, each with the code that does not change.

The kind decides what happens next::

    ContractError
    ├── Refused        final: the command is answered and forgotten
    │   ├── RequiredParameter, InvalidParameter, InvalidImage, InvalidTemplateSchema, InvalidQuery
    │   ├── RegistryNotAllowed, PluginAlreadyExists, RepositoryNotLocal, RevisionConflict
    │   ├── PluginNotFound, RepositoryNotFound, ImageNotFound
    │   ├── DeadlineExceeded, ResultTooLarge, QueryTimeout, DecidedBefore
    │   └── Unauthenticated, PermissionDenied
    ├── Unavailable    something is away: a read is answered so, a write waits and tries again
    │   ├── VersionsPending
    │   └── RegistryUnavailable, RepositoryUnavailable, StoreUnavailable
    └── Fault          a bug: three tries, then a dead letter
        └── InternalFault

On the wire an error is Celery's ``FAILURE`` with ``exc_module`` ``contracts.errors``, ``exc_type`` the class
name and ``exc_message`` ``[message, code, details]``, so that these classes rebuild themselves in a Python
caller.
"""

from typing import Any, ClassVar, Literal

Kind = Literal["refused", "unavailable", "fault"]


class ContractError(Exception):
    """An error that may be answered to a caller.

    ``message`` is one sentence for a person; ``code`` is stable; ``details`` is a JSON object
    (``path`` names the faulty field, ``spaceone_code`` the code of SpaceONE's own service where one exists).
    The three are also ``args``, which is how Celery carries them.
    """

    kind: ClassVar[Kind]
    code: str = "INTERNAL"
    spaceone_code: ClassVar[str | None] = None

    def __init__(self, message: str, code: str | None = None, details: dict[str, Any] | None = None) -> None:
        self.message = message
        self.code = code or type(self).code
        self.details = dict(details or {})
        if self.spaceone_code:
            self.details.setdefault("spaceone_code", self.spaceone_code)
        super().__init__(self.message, self.code, self.details)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """The form of an error inside a batch result: ``type``, ``message``, ``code``, ``details``."""
        return {
            "type": type(self).__name__,
            "message": self.message,
            "code": self.code,
            "details": self.details,
        }


class Refused(ContractError):
    kind = "refused"


class Unavailable(ContractError):
    kind = "unavailable"


class Fault(ContractError):
    kind = "fault"


class RequiredParameter(Refused):
    """Raised when a required field is missing or empty; ``details.path``."""

    code = "REQUIRED_PARAMETER"
    spaceone_code = "ERROR_REQUIRED_PARAMETER"


class InvalidParameter(Refused):
    """Raised when a field has the wrong type or value, is unknown, too long or too deep; ``details.path``."""

    code = "INVALID_PARAMETER"


class InvalidImage(Refused):
    """Raised when ``image`` is no OCI repository name, or too long for this deployment."""

    code = "INVALID_IMAGE"
    spaceone_code = "ERROR_INVALID_IMAGE_NAME_FORMAT"


class InvalidTemplateSchema(Refused):
    """Raised when a ``schema`` in ``template`` is no valid JSON Schema; ``details.path``."""

    code = "INVALID_TEMPLATE_SCHEMA"
    spaceone_code = "ERROR_INVALID_TEMPLATE_SCHEMA"


class InvalidQuery(Refused):
    """Raised when a query is not in the language; ``details.path`` and ``details.expected``."""

    code = "INVALID_QUERY"


class RegistryNotAllowed(Refused):
    """Raised when the named registry host is not one that this deployment allows."""

    code = "REGISTRY_NOT_ALLOWED"


class PluginAlreadyExists(Refused):
    """Raised when the domain has a plugin of that id already."""

    code = "ALREADY_EXISTS"
    spaceone_code = "ERROR_NOT_UNIQUE"


class PluginNotFound(Refused):
    """Raised when no repository in reach has the plugin."""

    code = "NOT_FOUND"
    spaceone_code = "ERROR_NO_PLUGIN"


class RepositoryNotFound(Refused):
    """Raised when ``repository_id`` names no configured repository."""

    code = "NOT_FOUND"


class RepositoryNotLocal(Refused):
    """Raised when a write names a plugin of a managed or remote repository."""

    code = "REPOSITORY_NOT_LOCAL"


class RevisionConflict(Refused):
    """Raised when ``expected_revision`` is not the present one; ``details.revision`` is the present one."""

    code = "REVISION_CONFLICT"


class DeadlineExceeded(Refused):
    """Raised when a command's ``expires`` has passed before it was applied."""

    code = "DEADLINE_EXCEEDED"


class ResultTooLarge(Refused):
    """Raised when an answer has more rows or bytes than one reply may hold."""

    code = "RESULT_TOO_LARGE"


class QueryTimeout(Refused):
    """Raised when a query runs into the server's time limit."""

    code = "QUERY_TIMEOUT"


class Unauthenticated(Refused):
    """Raised when a token is missing, expired or not verifiable."""

    code = "UNAUTHENTICATED"


class PermissionDenied(Refused):
    """Raised when a verified token does not permit the operation."""

    code = "PERMISSION_DENIED"


class ImageNotFound(Refused):
    """Raised when the registry says that there is no such image."""

    code = "IMAGE_NOT_FOUND"
    spaceone_code = "ERROR_NO_IMAGE_IN_REGISTRY"


class DecidedBefore(Refused):
    """Raised for an item of a redelivered batch that had no effect the first time."""

    code = "DECIDED_BEFORE"


class VersionsPending(Unavailable):
    """Raised when an image has no version list yet and its first fetch is under way."""

    code = "VERSIONS_PENDING"


class RegistryUnavailable(Unavailable):
    """Raised when the registry does not answer, or not to us."""

    code = "REGISTRY_UNAVAILABLE"


class RepositoryUnavailable(Unavailable):
    """Raised when a remote repository does not answer."""

    code = "REPOSITORY_UNAVAILABLE"


class StoreUnavailable(Unavailable):
    """Raised when the store does not answer in time."""

    code = "STORE_UNAVAILABLE"


class InternalFault(Fault):
    """Raised when a command met a bug; the whole message is kept as ``details.dead_letter_id``."""

    code = "INTERNAL"
