"""The reads: get, list, stat and get_versions over the repositories in reach."""

from collections.abc import Callable
from typing import Any, Protocol

from contracts.commands import GetPlugin, GetPluginVersions, ListPlugins, Read, StatPlugins
from contracts.errors import RepositoryNotFound
from contracts.results import VersionsInfo
from worker.domain.images import ImageRef
from worker.domain.plugin import not_found
from worker.domain.record import key_of
from worker.domain.repositories import Repositories, Repository
from worker.store.plugins import Plugins
from worker.store.search import Search


class Versions(Protocol):
    """Answers the versions of an image from the store."""

    def versions(self, ref: ImageRef) -> VersionsInfo: ...


_REFERENCE = ("plugin_id", "image", "registry_type", "registry_url", "registry_config")


class Reader:
    """Answers reads from the store: local and managed repositories alike, in one or two MongoDB commands."""

    def __init__(
        self, plugins: Plugins, search: Search, versions: Callable[[], Versions], repositories: Repositories
    ) -> None:
        self._plugins = plugins
        self._search = search
        self._versions = versions
        self._repositories = repositories

    def answer(self, command: Read) -> dict[str, Any]:
        """What ``command`` asks for, as JSON."""
        match command:
            case GetPlugin():
                return self.get(command)
            case GetPluginVersions():
                return self.get_versions(command)
            case ListPlugins():
                return self.page(command)
            case StatPlugins():
                return self.stat(command)

    def get(self, command: GetPlugin) -> dict[str, Any]:
        """One plugin: from the local repository first, then the managed ones in their order."""
        return self._find(command, tuple(command.only or ()))

    def get_versions(self, command: GetPluginVersions) -> dict[str, Any]:
        """The versions of a plugin's image."""
        found = self._find(command, _REFERENCE)
        return self._versions().versions(ImageRef.of(found)).model_dump(mode="json", exclude_none=True)

    def page(self, command: ListPlugins) -> dict[str, Any]:
        """A page of plugins."""
        page = self._search.list(command.domain_id, command.query, command.shortcuts)
        rows: dict[str, Any] = {"results": page.rows}
        return rows if page.total_count is None else rows | {"total_count": page.total_count}

    def stat(self, command: StatPlugins) -> dict[str, Any]:
        """Statistics; remote repositories are not asked."""
        shortcuts = {"repository_id": command.repository_id} if command.repository_id else {}
        return self._search.stat(command.domain_id, command.query, shortcuts)

    def _find(self, command: GetPlugin | GetPluginVersions, only: tuple[str, ...]) -> dict[str, Any]:
        keys = [self._key(r, command) for r in self._in_reach(command.repository_id)]
        found = self._plugins.find(keys, command.domain_id, only)
        if found is None:
            raise not_found(command.domain_id, command.plugin_id)
        return found

    def _in_reach(self, repository_id: str | None) -> list[Repository]:
        """The repositories to look into, the local one first."""
        if repository_id is None:
            return [self._repositories.local, *self._repositories.managed]
        named = self._repositories.find(repository_id)
        if named is None:
            raise RepositoryNotFound(
                f"there is no repository {repository_id}", details={"repository_id": repository_id}
            )
        return [named]

    def _key(self, repository: Repository, command: GetPlugin | GetPluginVersions) -> str:
        if repository.info.repository_type == "local":
            return key_of(command.domain_id, command.plugin_id)
        return managed_key(repository.repository_id, command.plugin_id)


def managed_key(repository_id: str, plugin_id: str) -> str:
    """The key of a managed plugin's document."""
    return f"//{repository_id}/{plugin_id}"
