"""The remote repositories of a deployment, each with the secret that is sent to it."""

from worker.domain.repositories import RemoteOptions, Repositories
from worker.registries import Credentials
from worker.repositories.remote.peer import Remote
from worker.repositories.remote.tokens import credential_of


def open_remotes(repositories: Repositories, credentials: Credentials) -> dict[str, Remote]:
    """Return the remotes by ``repository_id``. Nothing is dialled yet.

    The ``token`` of a remote names an entry of ``PLUGINS_REGISTRY_CREDENTIALS``; without ``hosts`` and
    ``domains``, no plugin can use that entry.

    Raises: ``ValueError`` for a name that is not there.
    """
    remotes = {}
    for repository in repositories.remote:
        if isinstance(repository.options, RemoteOptions):
            credential = credential_of(repository.repository_id, repository.options, credentials)
            token = credential.password if credential else _no_token
            remotes[repository.repository_id] = Remote(repository.info, repository.options, token)
    return remotes


def _no_token() -> None:
    return None
