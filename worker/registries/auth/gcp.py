"""Google's access tokens, from google-auth (the extra ``gcp``)."""

from datetime import UTC, datetime
from functools import partial

from worker.domain.image import FailureReason, FetchFailed
from worker.registries.auth.credentials import Credential, CredentialError
from worker.registries.auth.logins import Login

_TIMEOUT_S = 10.0
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


def google_login(credential: Credential, _host: str) -> Login:
    """Return the login of a Google identity: the service account of ``key_file``, else that of the process.

    Raises: ``CredentialError`` without google-auth, with another provider, or when Google refuses a token;
    ``FetchFailed`` when Google does not answer.
    """
    if credential.provider != "gcp":
        raise CredentialError(credential.name, "provider does not fit this type of registry")
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request
        from google.oauth2 import service_account
    except ImportError:
        raise CredentialError(credential.name, "google-auth is missing: install the extra `gcp`") from None
    try:
        if credential.key_file is not None:
            key_file = str(credential.key_file)
            identity = service_account.Credentials.from_service_account_file(key_file, scopes=[_SCOPE])
        else:
            identity, _ = google.auth.default(scopes=[_SCOPE])
        identity.refresh(partial(Request(), timeout=_TIMEOUT_S))
    except (GoogleAuthError, OSError, ValueError) as error:
        lost = isinstance(error, TransportError) or isinstance(error.__cause__, TransportError)
        if lost or getattr(error, "retryable", False):
            reason: FailureReason = "unreachable" if lost else "refused"
            raise FetchFailed(reason, detail=f"Google gave no token: {type(error).__name__}") from None
        raise CredentialError(credential.name, f"Google gave no token: {type(error).__name__}") from None
    # google-auth's expiry is UTC without saying so.
    expires = identity.expiry.replace(tzinfo=UTC) if identity.expiry else datetime.now(UTC)
    return Login("oauth2accesstoken", identity.token, expires.timestamp())
