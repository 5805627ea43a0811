"""The events: CloudEvents 1.0 on the Redis Stream ``plugin.events``, in binary mode.

Each attribute is a stream field, and ``data`` is JSON. ``Attributes`` is the model of the attributes, the
other models are those of the data.
"""

from typing import Literal

from contracts.plugin import PluginInfo
from contracts.values import Contract, Name

STREAM = "plugin.events"
"""The stream of events."""
REJECTIONS = "plugin.rejections"
"""The stream of refused writes."""

PLUGIN_CHANGED = "spaceone.api.repository.v1.PluginChanged"
IMAGE_VERSIONS_CHANGED = "spaceone.api.repository.v1.ImageVersionsChanged"
SCHEMAS = "https://cloudforet-io.github.io/plugin-repository/schemas"
"""The address of the published JSON Schemas."""

PluginChange = Literal["registered", "updated", "enabled", "disabled", "deregistered", "resynced"]


class Attributes(Contract):
    """The attributes of an event. ``sequence`` is the subject's revision, zero-padded to 20 digits; revisions
    start at 1 and have no gaps.
    """

    specversion: Literal["1.0"] = "1.0"
    type: str
    source: str
    subject: str
    id: str
    time: str
    sequence: str
    partitionkey: str
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    traceparent: str | None = None
    gap: Literal["true"] | None = None


class PluginChanged(Contract):
    """A plugin changed. ``plugin`` is the whole plugin after the change; for ``deregistered``, as it last
    was.

    ``changed_fields`` are sorted, without ``updated_at`` and ``revision``; empty for ``registered`` and
    ``deregistered``. ``resynced`` repairs lost events and carries the plugin as it is now.
    """

    change: PluginChange
    plugin: PluginInfo
    revision: int
    changed_fields: list[str]
    command_id: str | None


class PluginReference(Contract):
    domain_id: Name
    plugin_id: Name


class ImageVersionsChanged(Contract):
    """The version list of an image changed; each list holds at most 100 names."""

    image: str
    registry_type: str
    registry_url: str
    revision: int
    digest: str
    added: list[str]
    removed: list[str]
    total_count: int
    latest: str | None
    plugins: list[PluginReference]
    plugin_count: int
    initial: bool


class Rejection(Contract):
    """A refused write, published to the stream ``plugin.rejections``: best effort, without the parameters."""

    id: str
    operation: str
    domain_id: str
    plugin_id: str
    code: str
    time: str


def sequence(revision: int) -> str:
    """Return the ``sequence`` attribute of a revision."""
    return f"{revision:020d}"


def event_id(subject: str, revision: int) -> str:
    """Return the ``id`` attribute of a subject's revision."""
    return f"{subject}@{revision}"


def data_schema(event_type: str) -> str:
    """Return the ``dataschema`` attribute of an event type."""
    return f"{SCHEMAS}/{event_type.rsplit('.', 1)[-1]}.json"
