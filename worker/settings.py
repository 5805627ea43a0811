"""Every setting, from the environment: ``PLUGINS_*``, with the unit in the name."""

import logging
import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contracts._redis.url import check_redis_url
from worker.documents.read import parse_json, read_document

logger = logging.getLogger(__name__)

_PREFIX = "PLUGINS_"
DOMAIN_ID = "PLUGINS_DOMAIN_ID"
"""The environment variable that stands for ``--domain-id``."""
REPLAY_TOKEN = "PLUGINS_REPLAY_TOKEN"  # noqa: S105 - the name of a variable
"""The environment variable that stands for ``--token``."""


class SettingsError(ValueError):
    """Raised at start when a setting is wrong; the text names the variable and what it takes."""


class Settings(BaseSettings):
    """The settings of a process.

    URLs: ``redis_url`` serves as broker, result backend and event store unless one of ``broker_url``,
    ``results_url`` and ``events_url`` names another Redis for that use. Sizes are in bytes, times in seconds.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: str = "redis://localhost:6379/0"
    broker_url: str | None = None
    results_url: str | None = None
    events_url: str | None = None
    mongodb_url: str = "mongodb://localhost:27017/plugins"

    command_partitions: Annotated[int, Field(ge=1, le=1024)] = 1
    lease_s: Annotated[float, Field(ge=1, le=300)] = 5.0
    stock_transport: bool = False
    """Kombu's own Redis transport instead of the lossless one: for comparison, never for work."""

    image_max_length: Annotated[int, Field(ge=1, le=1024)] = 40
    events_maxlen: Annotated[int, Field(ge=1, le=10**12)] = 1_000_000
    max_results: Annotated[int, Field(ge=1, le=10**6)] = 10_000
    query_time_limit_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    repositories: Annotated[tuple[dict[str, Any], ...], NoDecode] = (
        {"repository_id": "repo-local", "name": "Local", "repository_type": "local"},
    )

    heartbeat_dir: str = ""
    """The folder of the heartbeats; default one of this user's own in the temporary folder."""

    allowed_registries: str = ""
    registry_mirrors: str = ""
    registry_credentials: str = ""
    registry_budgets: str = ""
    registry_caps: str = ""
    registry_ca_files: str = ""
    sync_min_interval_s: Annotated[float, Field(gt=0, le=31_536_000)] = 600.0
    sync_max_interval_s: Annotated[float, Field(gt=0, le=31_536_000)] = 43_200.0

    @field_validator("redis_url", "broker_url", "results_url", "events_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        return None if value is None else check_redis_url(value)

    @field_validator("mongodb_url")
    @classmethod
    def _mongodb(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("mongodb", "mongodb+srv"):
            raise ValueError("must be a mongodb:// or mongodb+srv:// URL")
        if "@" in parts.path:
            # What a driver takes for the host would be a part of the password, and be told and resolved.
            raise ValueError("user and password must be percent-encoded")
        return value

    @field_validator("repositories", mode="before")
    @classmethod
    def _load_repositories(cls, value: object) -> object:
        """JSON, or the path of a JSON or YAML file."""
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            raise ValueError("must be a JSON list, or the path of a JSON or YAML file")
        try:
            loaded = parse_json(value) if value.lstrip().startswith("[") else read_document(Path(value))
        except ValueError as fault:
            raise ValueError(f"must be a JSON list or the path of a JSON or YAML file: {fault}") from None
        if not isinstance(loaded, list) or not all(isinstance(item, dict) for item in loaded):
            raise ValueError("must be a list of objects")
        return tuple(loaded)

    @cached_property
    def broker(self) -> str:
        return self.broker_url or self.redis_url

    @cached_property
    def results(self) -> str:
        return self.results_url or self.redis_url

    @cached_property
    def events(self) -> str:
        return self.events_url or self.redis_url


def load() -> Settings:
    """The settings of this process. Raises ``SettingsError`` naming every variable that is wrong, never its
    value. The log names those that are none, as a misspelt one leaves its setting at the default.
    """
    if unknown := _unknown(os.environ):
        logger.warning("no settings of this program: %s", ", ".join(unknown))
    try:
        return Settings()
    except ValidationError as fault:
        texts = [
            f"{_PREFIX}{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in fault.errors(include_input=False)
        ]
        raise SettingsError("wrong settings: " + "; ".join(texts)) from None


def _unknown(names: Iterable[str]) -> list[str]:
    """The variables that look like settings and are none, each with the one that may be meant."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {name.removeprefix(_PREFIX) for name in (DOMAIN_ID, REPLAY_TOKEN)}
    found = []
    for name in sorted(names):
        word = name.upper().removeprefix(_PREFIX)
        if name.upper().startswith(_PREFIX) and word not in known:
            near = get_close_matches(word, known, n=1)
            found.append(f"{name} ({_PREFIX}{near[0]}?)" if near else name)
    return found
