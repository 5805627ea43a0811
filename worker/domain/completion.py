"""What an operator says once for all documents of a managed repository."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from contracts.plugin import RegistryType
from contracts.values import Contract, Image, Name, RegistryConfig
from worker.domain.registry.hosts import one_name


class Defaults(Contract):
    """Fields of the documents that leave them open; their names and rules are those of ``RegisterPlugin``."""

    registry_type: RegistryType | None = None
    registry_url: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    registry_config: RegistryConfig | None = None
    provider: Name | None = None


class Completion(Contract):
    """What completes the documents of a managed repository.

    ``defaults``: of fields that a document leaves open. The URL and the configuration of a registry are for
    documents that name no other registry. Default: none.
    ``image_prefix``: put, with a slash, before an ``image`` that has no slash. Default: None, nothing is.
    """

    defaults: Defaults = Field(default_factory=Defaults)
    image_prefix: Image | None = None

    def complete(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return a document with what it leaves open. As everywhere, null and ``""`` count as not given."""
        defaults = {name: value for name, value in dict(self.defaults).items() if value is not None}
        if self._names_another_registry(document):
            defaults = {
                name: value for name, value in defaults.items() if name in ("registry_type", "provider")
            }
        completed = dict(document)
        for name, value in defaults.items():
            if not _is_given(completed.get(name)):
                completed[name] = value
        image = completed.get("image")
        if self.image_prefix and isinstance(image, str) and image and "/" not in image:
            completed["image"] = f"{self.image_prefix}/{image}"
        return completed

    def _names_another_registry(self, document: Mapping[str, Any]) -> bool:
        kind, url = document.get("registry_type"), document.get("registry_url")
        if _is_given(kind) and kind != (self.defaults.registry_type or "DOCKER_HUB"):
            return True
        if not (self.defaults.registry_url and isinstance(url, str) and url):
            return False
        return one_name(url) != one_name(self.defaults.registry_url)


NOTHING_COMPLETED = Completion()


def _is_given(value: object) -> bool:
    return value is not None and value != ""
