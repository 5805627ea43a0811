"""The tokens that remote repositories are asked with: names of credentials."""

from worker.domain.repositories import RemoteOptions, Repositories
from worker.registries.auth.credentials import Credential, Credentials


def credential_of(repository_id: str, options: RemoteOptions, credentials: Credentials) -> Credential | None:
    """Return the credential whose secret is sent to a remote repository, None where none is.

    Raises ``ValueError`` where its ``token`` names no credential with a password.
    """
    if options.token is None:
        return None
    credential = credentials.get(options.token)
    if credential is None or credential.provider is not None:
        raise ValueError(
            f"repository {repository_id}: token names no credential with a password_file or password_env"
        )
    return credential


def check_tokens(repositories: Repositories, credentials: Credentials) -> None:
    """Refuse repositories whose ``token`` cannot be used. Raises ``ValueError``."""
    for repository in repositories.remote:
        if isinstance(repository.options, RemoteOptions):
            credential_of(repository.repository_id, repository.options, credentials)
