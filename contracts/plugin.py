"""The Plugin resource: PluginInfo and the types of its fields."""

from typing import Literal

from pydantic import Field

from contracts.values import Contract, Image, JsonObject, Labels, Name, RegistryConfig, Time

State = Literal["ENABLED", "DISABLED"]
RegistryType = Literal[
    "DOCKER_HUB", "AWS_PUBLIC_ECR", "AWS_PRIVATE_ECR", "HARBOR", "GITHUB", "GCP_ARTIFACT_REGISTRY", "OCI"
]
RepositoryType = Literal["local", "managed", "remote"]


class RepositoryInfo(Contract):
    """The repository that a plugin comes from."""

    repository_id: Name
    name: Name
    repository_type: RepositoryType


class PluginInfo(Contract):
    """A deployable plugin: its image, registry, capabilities, form schema and state.

    ``plugin_id`` is the last path part of ``image``; a plugin of a managed repository may have another one.
    ``revision`` counts the changes from 1; a plugin of a managed repository has none. An optional field that
    is not set is absent from an answer.
    """

    plugin_id: Name
    name: Name
    image: Image
    registry_type: RegistryType
    registry_url: str
    registry_config: RegistryConfig = Field(default_factory=dict)
    state: State
    service_type: Name
    provider: Name | None = None
    capability: JsonObject = Field(default_factory=dict)
    template: JsonObject = Field(default_factory=dict)
    labels: Labels = Field(default_factory=list)
    tags: JsonObject = Field(default_factory=dict)
    repository_info: RepositoryInfo
    domain_id: Name
    revision: int | None = None
    created_at: Time
    updated_at: Time


def plugin_id_of(image: str) -> str:
    """Return the id of the plugin that an image is registered as: its last path part."""
    return image.rsplit("/", 1)[-1]
