"""ECR's passwords, from boto3 (the extra ``aws``)."""

import base64
from datetime import UTC, datetime
from typing import Any

from worker.domain.image import FetchFailed
from worker.registries.auth.credentials import Credential, CredentialError
from worker.registries.auth.logins import Login


def ecr_login(credential: Credential, service: str, region: str) -> Login:
    """The login of an AWS identity for a registry. ``service`` is ``ecr`` or ``ecr-public``.

    Raises ``CredentialError`` without boto3, with another provider, or when AWS refuses a token;
    ``FetchFailed`` (unavailable) when AWS does not answer.
    """
    if credential.provider != "aws":
        raise CredentialError(f"credential {credential.name!r}: provider does not fit this type of registry")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
    except ImportError:
        raise CredentialError(
            f"credential {credential.name!r}: boto3 is missing: install the extra `aws`"
        ) from None
    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        session = boto3.session.Session(profile_name=credential.profile)
        answer = session.client(service, region_name=region, config=config).get_authorization_token()
    except (ConnectionError, HTTPClientError) as fault:
        raise _no_answer(fault) from None
    except (BotoCoreError, ClientError) as fault:
        if _is_outage(getattr(fault, "response", {})):
            raise _no_answer(fault) from None
        raise CredentialError(
            f"credential {credential.name!r}: AWS gave no token: {type(fault).__name__}"
        ) from None
    return _read(credential.name, answer)


def _no_answer(fault: Exception) -> FetchFailed:
    return FetchFailed("unavailable", detail=f"AWS gave no token: {type(fault).__name__}")


def _is_outage(response: Any) -> bool:
    """Whether AWS said that it cannot answer now, rather than no."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or response.get("Error", {}).get("Code") in ("Throttling", "ThrottlingException")


def _read(name: str, answer: Any) -> Login:
    data = answer["authorizationData"]
    entry = data[0] if isinstance(data, list) else data  # private ECR answers with a list of one
    username, _, password = base64.b64decode(entry["authorizationToken"]).decode("utf-8").partition(":")
    if not password:
        raise CredentialError(f"credential {name!r}: AWS gave no token")
    expires = entry.get("expiresAt")
    seconds = expires.timestamp() if isinstance(expires, datetime) else datetime.now(UTC).timestamp() + 3600
    return Login(username, password, seconds)
