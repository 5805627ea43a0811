"""ECR Public: anonymous tokens for everyone, more requests for an AWS account."""

from worker.registries.auth.aws import ecr_login
from worker.registries.auth.credentials import Credential
from worker.registries.auth.logins import Login
from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind


def _login(credential: Credential, host: str) -> Login:
    # The API of ECR Public is in this region only.
    return ecr_login(credential, "ecr-public", "us-east-1")


KIND = Kind(Limit(1, 1), limit_with_credential=Limit(8, 4), login=_login)
