"""The remote repositories of a deployment, each with the secret that is sent to it."""

from collections.abc import Callable

from worker.domain.repositories import RemoteOptions, Repositories
from worker.registries import Credentials
from worker.repositories.remote.peer import Remote


def open_remotes(repositories: Repositories, credentials: Credentials) -> dict[str, Remote]:
    """Return the remotes by ``repository_id``. Nothing is dialled yet.

    The ``token`` of a remote names an entry of ``PLUGINS_REGISTRY_CREDENTIALS``; without ``hosts`` and
    ``domains``, no plugin can use that entry.

    Raises: ``ValueError`` for a name that is not there.
    """
    return {
        repository.repository_id: Remote(
            repository.info,
            repository.options,
            _token(repository.repository_id, repository.options.token, credentials),
        )
        for repository in repositories.remote
        if isinstance(repository.options, RemoteOptions)
    }


def _token(repository_id: str, name: str | None, credentials: Credentials) -> Callable[[], str | None]:
    if name is None:
        return lambda: None
    credential = credentials.get(name)
    if credential is None or credential.provider is not None:
        raise ValueError(
            f"repository {repository_id}: token names no credential with a password_file or password_env"
        )
    return credential.password
