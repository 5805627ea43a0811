"""Private ECR: a token of boto3's, good for twelve hours, is the password of the user ``AWS``."""

from worker.registries.auth.aws import ecr_login
from worker.registries.auth.credentials import Credential
from worker.registries.auth.logins import Login
from worker.registries.budget.limit import Limit
from worker.registries.kinds.kind import Kind


def _login(credential: Credential, host: str) -> Login:
    region = host.split(".")[3]
    return ecr_login(credential, "ecr", region)


KIND = Kind(Limit(10, 4), login=_login)
