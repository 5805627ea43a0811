"""The reads get, list, stat and get_versions, over the repositories in reach."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from contracts.commands import GetPlugin, GetPluginVersions, ListPlugins, Read, StatPlugins
from contracts.errors import InvalidParameter, PluginNotFound
from contracts.results import VersionsInfo
from worker.domain.answer import check_readable
from worker.domain.image import ImageRef
from worker.domain.managed import managed_key
from worker.domain.plugin import not_found
from worker.domain.projection import project
from worker.domain.record import own_key
from worker.domain.repositories import Repositories, Repository, Selection
from worker.domain.scope import NOBODY
from worker.plugins.listing import Listing
from worker.plugins.terms import Terms
from worker.repositories.remote.peer import Question, Remote
from worker.store.errors import within
from worker.store.plugins import Plugins
from worker.store.search import Search

T = TypeVar("T")


class Versions(Protocol):
    """Answers the versions of an image from the store; ``domain_id``: whose plugin it is."""

    def versions(self, ref: ImageRef, domain_id: str) -> VersionsInfo: ...


_REFERENCE = ("plugin_id", "image", "registry_type", "registry_url", "registry_config", "repository_info")


class Reader:
    """Answers reads: local and managed repositories from the store, in one or two MongoDB commands, and
    remote ones by asking them.

    ``remotes``: the remote repositories by id.
    ``listing``: answers list.
    ``time_limit_s``: how long the store may take to find one plugin, in seconds; ``Search`` has its own
    limit. The time of remote repositories does not count.
    """

    def __init__(
        self,
        plugins: Plugins,
        search: Search,
        versions: Callable[[], Versions],
        repositories: Repositories,
        remotes: Mapping[str, Remote],
        listing: Listing,
        time_limit_s: float = 5.0,
    ) -> None:
        self._plugins = plugins
        self._search = search
        self._versions = versions
        self._repositories = repositories
        self._remotes = remotes
        self._time_limit_s = time_limit_s
        self._listing = listing

    def answer(self, command: Read, terms: Terms = Terms()) -> dict[str, Any]:  # noqa: B008  # frozen
        """Return the answer to ``command``, as JSON.

        Raises: ``InvalidQuery`` for an answer that ``check_readable`` refuses.
        """
        answer = self._answer(command, terms)
        check_readable(command, answer)
        return answer

    def _answer(self, command: Read, terms: Terms) -> dict[str, Any]:
        match command:
            case GetPlugin():
                return self.get(command, terms.own_only)
            case GetPluginVersions():
                return self.get_versions(command, terms.own_only)
            case ListPlugins():
                return self._listing.answer(command, terms)
            case StatPlugins():
                return self.stat(command, terms.spent_s)

    def get(self, command: GetPlugin, own_only: bool = False) -> dict[str, Any]:
        """Return one plugin: from the local repository first, then managed, then remote, each kind in its
        order; or from ``repository_id``.

        Raises: ``PluginNotFound``, ``RepositoryNotFound``; ``RepositoryUnavailable`` for a remote that does
        not answer and comes before the first one that has the plugin: it may have it, too.
        """
        selection = self._repositories.select(command.repository_id, own_only=own_only)
        only = tuple(command.only or ())
        found = self._stored(command, selection, only)
        if found is not None:
            return found
        return project(
            self._first(
                command,
                selection,
                lambda remote: remote.ask(
                    "get",
                    lambda answer: remote.answers.plugin_of(answer, command.plugin_id),
                    plugin_id=command.plugin_id,
                ),
            ),
            only,
        )

    def get_versions(self, command: GetPluginVersions, own_only: bool = False) -> dict[str, Any]:
        """Return the versions of a plugin's image, from the repository that has the plugin."""
        selection = self._repositories.select(command.repository_id, own_only=own_only)
        found = self._stored(command, selection, _REFERENCE)
        if found is not None:
            is_managed = found["repository_info"]["repository_type"] == "managed"
            owner = NOBODY if is_managed else command.domain_id
            versions = self._versions().versions(ImageRef.of(found), owner)
            return versions.model_dump(mode="json", exclude_none=True)
        return self._first(
            command,
            selection,
            lambda remote: remote.ask("get_versions", remote.answers.versions, plugin_id=command.plugin_id),
        )

    def stat(self, command: StatPlugins, spent_s: float = 0.0) -> dict[str, Any]:
        """Return statistics. Remote repositories are not asked, and one as ``repository_id`` is refused.

        ``spent_s``: as in ``Terms``.
        """
        selection = self._repositories.select(command.repository_id)
        if selection.remote and command.repository_id is not None:
            raise InvalidParameter(
                "there are no statistics over a remote repository: send the query to its deployment",
                details={"path": "repository_id"},
            )
        return self._search.after(spent_s).stat(
            command.domain_id,
            command.query,
            local=selection.local,
            managed=bool(selection.managed),
            among=selection.among,
        )

    def _stored(
        self, command: GetPlugin | GetPluginVersions, selection: Selection, only: tuple[str, ...]
    ) -> dict[str, Any] | None:
        keys = [own_key(command.domain_id, command.plugin_id)] if selection.local else []
        keys += [managed_key(r.repository_id, command.plugin_id) for r in selection.managed]
        if not keys:
            return None
        with within(self._time_limit_s):
            return self._plugins.find(keys, command.domain_id, only)

    def _first(
        self,
        command: GetPlugin | GetPluginVersions,
        selection: Selection,
        ask: Callable[[Remote], Question[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Return the answer of the first remote that has the plugin; all are asked at once."""
        asked = [ask(self._remote(repository)) for repository in selection.remote]
        try:
            for question in asked:
                try:
                    return question.result()
                except PluginNotFound:
                    continue
        finally:
            for question in asked:
                question.give_up()
        raise not_found(command.domain_id, command.plugin_id)

    def _remote(self, repository: Repository) -> Remote:
        return self._remotes[repository.repository_id]
