"""ECR's passwords, from boto3 (the extra ``aws``)."""

import base64
from datetime import UTC, datetime
from typing import Any

from worker.domain.image import FailureReason, FetchFailed
from worker.registries.auth.credentials import Credential, CredentialError
from worker.registries.auth.logins import Login

# The API of ECR Public is in this region only.
_PUBLIC_REGION = "us-east-1"


def private_ecr_login(credential: Credential, host: str) -> Login:
    """Return the login of an AWS identity at ``{account}.dkr.ecr.{region}.amazonaws.com``, good for 12 hours.

    Raises: ``CredentialError`` without boto3, with another provider, or when AWS refuses a token;
    ``FetchFailed`` when AWS does not answer.
    """
    return _ecr_login(credential, "ecr", host.split(".")[3])


def public_ecr_login(credential: Credential, _host: str) -> Login:
    """Return the login of an AWS identity at ECR Public. Raises what ``private_ecr_login`` raises."""
    return _ecr_login(credential, "ecr-public", _PUBLIC_REGION)


def _ecr_login(credential: Credential, service: str, region: str) -> Login:
    if credential.provider != "aws":
        raise CredentialError(credential.name, "provider does not fit this type of registry")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError
    except ImportError:
        raise CredentialError(credential.name, "boto3 is missing: install the extra `aws`") from None
    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        session = boto3.session.Session(profile_name=credential.profile)
        answer = session.client(service, region_name=region, config=config).get_authorization_token()
    except (ConnectionError, HTTPClientError) as error:
        raise _no_token("unreachable", error) from None
    except (BotoCoreError, ClientError) as error:
        if _is_refused_for_now(getattr(error, "response", {})):
            raise _no_token("refused", error) from None
        raise CredentialError(credential.name, f"AWS gave no token: {type(error).__name__}") from None
    return _read(credential.name, answer)


def _no_token(reason: FailureReason, error: Exception) -> FetchFailed:
    return FetchFailed(reason, detail=f"AWS gave no token: {type(error).__name__}")


def _is_refused_for_now(response: Any) -> bool:
    """Return whether AWS said that it cannot answer now, rather than no."""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or response.get("Error", {}).get("Code") in ("Throttling", "ThrottlingException")


def _read(name: str, answer: Any) -> Login:
    data = answer["authorizationData"]
    entry = data[0] if isinstance(data, list) else data  # private ECR answers with a list of one
    username, _, password = base64.b64decode(entry["authorizationToken"]).decode("utf-8").partition(":")
    if not password:
        raise CredentialError(name, "AWS gave no token")
    expires = entry.get("expiresAt")
    seconds = expires.timestamp() if isinstance(expires, datetime) else datetime.now(UTC).timestamp() + 3600
    return Login(username, password, seconds)
