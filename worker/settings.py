"""Every setting, from the environment: ``PLUGINS_*``, with the unit in the name, parsed to its type once."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts._redis.url import check_redis_url
from contracts.values import MAX_IMAGE_LENGTH
from worker.documents.read import parse_json, read_document
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.repositories import Repositories
from worker.domain.schedule import Intervals
from worker.registries import (
    Caps,
    Credentials,
    Limit,
    Mirror,
    Place,
    Proxy,
    load_credentials,
    parse_ca_files,
    parse_caps,
    parse_limits,
    parse_mirrors,
    parse_proxy,
    parse_realms,
)
from worker.repositories.remote.tokens import check_tokens

logger = logging.getLogger(__name__)

_PREFIX = "PLUGINS_"
DOMAIN_ID = "PLUGINS_DOMAIN_ID"
"""The environment variable that stands for ``--domain-id``."""
REPLAY_TOKEN = "PLUGINS_REPLAY_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that stands for ``--token``."""

_LOCAL = {"repository_id": "repo-local", "name": "Local", "repository_type": "local"}
_YEAR_S = 31_536_000


class SettingsError(ValueError):
    """Raised at start when a setting is wrong; the text names the variable and what it takes."""


def load_repositories(value: object) -> Repositories:
    """Return the repositories of a JSON list, of the path of a JSON or YAML file, or of a list of objects.

    Raises ``ValueError``, which shows no value.
    """
    loaded = value
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            raise ValueError("must be a JSON list, or the path of a JSON or YAML file")
        try:
            loaded = parse_json(value) if value.lstrip().startswith("[") else read_document(Path(value))
        except ValueError as error:
            raise ValueError(f"the JSON list or the file that it names: {error}") from None
    if not isinstance(loaded, list | tuple) or not all(isinstance(item, dict) for item in loaded):
        raise ValueError("must be a list of objects")
    return Repositories.of(loaded)


class Connections(BaseSettings):
    """The settings that a client needs: ``redis_url`` serves as broker, result backend and event store unless
    ``broker_url``, ``results_url`` or ``events_url`` names another Redis for that use.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", validate_default=False
    )

    redis_url: str = "redis://localhost:6379/0"
    broker_url: str | None = None
    results_url: str | None = None
    events_url: str | None = None
    command_partitions: Annotated[int, Field(ge=1, le=1024)] = 1

    @field_validator("redis_url", "broker_url", "results_url", "events_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        return None if value is None else check_redis_url(value)

    @cached_property
    def broker(self) -> str:
        """The URL of the Redis of the commands."""
        return self.broker_url or self.redis_url

    @cached_property
    def results(self) -> str:
        """The URL of the Redis of the answers."""
        return self.results_url or self.redis_url

    @cached_property
    def events(self) -> str:
        """The URL of the Redis of the events and of the registries' budgets."""
        return self.events_url or self.redis_url


class Settings(Connections):
    """All settings of a process. Sizes are in bytes, times in seconds.

    A field that is given as text is parsed to its type here, by the parser of the layer that uses it.
    """

    mongodb_url: str = "mongodb://localhost:27017/plugins"
    lease_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    group_max: Annotated[int, Field(ge=1, le=1000)] = 256
    remote_control: bool = False
    heartbeat_dir: str = ""
    """The folder of the heartbeats; default one of this user's own in the temporary folder."""

    image_max_length: Annotated[int, Field(ge=1, le=MAX_IMAGE_LENGTH)] = 40
    events_maxlen: Annotated[int, Field(ge=1, le=10**12)] = 1_000_000
    events_max_bytes: Annotated[int, Field(ge=2**20, le=10**15)] | None = None
    answers_max_bytes: Annotated[int, Field(ge=1, le=10**15)] | None = None
    """The most bytes of all answers above 4 KiB together; default an eighth of the Redis's ``maxmemory``."""

    dead_letters_max: Annotated[int, Field(ge=1, le=10**9)] = 100_000
    dead_letters_max_bytes: Annotated[int, Field(ge=16 * 1024**2, le=10**15)] = 1024**3
    max_results: Annotated[int, Field(ge=1, le=10**6)] = 10_000
    query_time_limit_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    allowed_registries: Annotated[AllowedRegistries, NoDecode, PlainValidator(AllowedRegistries.parse)] = (
        AllowedRegistries()
    )
    registry_mirrors: Annotated[Mapping[str, Mirror], NoDecode, PlainValidator(parse_mirrors)] = {}
    registry_credentials: Annotated[Credentials, NoDecode, PlainValidator(load_credentials)] = Credentials()
    registry_budgets: Annotated[Mapping[str, Limit], NoDecode, PlainValidator(parse_limits)] = {}
    registry_caps: Annotated[Caps, NoDecode, PlainValidator(parse_caps)] = Caps()
    registry_ca_files: Annotated[Mapping[str, str], NoDecode, PlainValidator(parse_ca_files)] = {}
    registry_realms: Annotated[frozenset[tuple[Place, Place]], NoDecode, PlainValidator(parse_realms)] = (
        frozenset()
    )
    registry_proxy: Annotated[Proxy | None, NoDecode, PlainValidator(parse_proxy)] = None
    registry_no_proxy: Annotated[AllowedRegistries, NoDecode, PlainValidator(AllowedRegistries.parse)] = (
        AllowedRegistries()
    )
    registry_proxy_names: bool = False
    # After what their checks look at: pydantic validates in this order.
    sync_max_interval_s: Annotated[float, Field(gt=0, le=_YEAR_S)] = 43_200.0
    sync_min_interval_s: Annotated[float, Field(gt=0, le=_YEAR_S, validate_default=True)] = 600.0
    repositories: Annotated[Repositories, NoDecode, PlainValidator(load_repositories)] = Repositories.of(
        [_LOCAL]
    )

    @field_validator("mongodb_url")
    @classmethod
    def _mongodb(cls, value: str) -> str:
        # Only here: a client of the queues has no use for MongoDB's driver, which takes long to import.
        from worker.store.client import check_mongodb_url

        parts = urlsplit(value)
        if parts.scheme not in ("mongodb", "mongodb+srv"):
            raise ValueError("must be a mongodb:// or mongodb+srv:// URL")
        if "@" in parts.path:
            # A driver would take a part of the password for the host, and resolve and log it.
            raise ValueError("user and password must be percent-encoded")
        check_mongodb_url(value)
        return value

    @field_validator("sync_min_interval_s")
    @classmethod
    def _intervals(cls, value: float, info: ValidationInfo) -> float:
        if "sync_max_interval_s" in info.data:
            Intervals(value, info.data["sync_max_interval_s"])
        return value

    @field_validator("repositories")
    @classmethod
    def _tokens(cls, value: Repositories, info: ValidationInfo) -> Repositories:
        if "registry_credentials" in info.data:
            check_tokens(value, info.data["registry_credentials"])
        return value

    @cached_property
    def proxy(self) -> Proxy | None:
        """The proxy of the registries, with all that is set about it."""
        proxy = self.registry_proxy
        return proxy and replace(proxy, direct=self.registry_no_proxy, looks_up=self.registry_proxy_names)

    @cached_property
    def intervals(self) -> Intervals:
        """The bounds of the time between two readings of an image."""
        return Intervals(self.sync_min_interval_s, self.sync_max_interval_s)


_S = TypeVar("_S", bound=Connections)


def load_settings() -> Settings:
    """Return all settings of this process.

    The log names the variables that are no settings: a misspelt one leaves its setting at the default. Raises
    ``SettingsError`` naming every variable that is wrong, never its value.
    """
    return _load(Settings)


def load_connections() -> Connections:
    """Return what a client needs, as ``load_settings`` does; other settings are not looked at."""
    return _load(Connections)


def _load(kind: type[_S]) -> _S:
    for sentence in _unknown(os.environ):
        logger.warning(sentence)
    try:
        return kind()
    except ValidationError as error:
        texts = [
            f"{_PREFIX}{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_input=False)
        ]
        raise SettingsError("wrong settings: " + "; ".join(texts)) from None


def _unknown(names: Iterable[str]) -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {name.removeprefix(_PREFIX) for name in (DOMAIN_ID, REPLAY_TOKEN)}
    found = []
    for name in sorted(names):
        word = name.upper().removeprefix(_PREFIX)
        if name.upper().startswith(_PREFIX) and word not in known:
            near = get_close_matches(word, known, n=1)
            found.append(f"unknown setting {name}" + (f"; did you mean {_PREFIX}{near[0]}?" if near else ""))
    return found
