"""The table of operations: complete, and as published."""

import pytest

from contracts import errors
from contracts.catalog import BY_TASK, OPERATIONS, WRITES
from contracts.errors import ContractError

PUBLISHED = {
    "plugin.register": ("plugin.commands", "CreatePluginRequest", "POST", "/repository/v1/plugins"),
    "plugin.update": ("plugin.commands", "UpdatePluginRequest", "PUT", "/repository/v1/plugin/{plugin_id}"),
    "plugin.deregister": ("plugin.commands", "PluginRequest", "DELETE", "/repository/v1/plugin/{plugin_id}"),
    "plugin.enable": ("plugin.commands", "PluginRequest", "PUT", "/repository/v1/plugin/{plugin_id}/enable"),
    "plugin.disable": (
        "plugin.commands",
        "PluginRequest",
        "PUT",
        "/repository/v1/plugin/{plugin_id}/disable",
    ),
    "plugin.batch": ("plugin.commands", None, None, None),
    "plugin.get": (
        "plugin.queries",
        "GetRepositoryPluginRequest",
        "GET",
        "/repository/v1/plugins/{plugin_id}",
    ),
    "plugin.get_versions": (
        "plugin.queries",
        "RepositoryPluginRequest",
        "GET",
        "/repository/v1/plugins/{plugin_id}/versions",
    ),
    "plugin.list": ("plugin.queries", "PluginQuery", "POST", "/repository/v1/plugins/search"),
    "plugin.stat": ("plugin.queries", "PluginStatQuery", "POST", "/repository/v1/plugins/stat"),
}

CODES = {
    "REQUIRED_PARAMETER": ("RequiredParameter", "refused"),
    "INVALID_PARAMETER": ("InvalidParameter", "refused"),
    "INVALID_IMAGE": ("InvalidImage", "refused"),
    "INVALID_TEMPLATE_SCHEMA": ("InvalidTemplateSchema", "refused"),
    "INVALID_QUERY": ("InvalidQuery", "refused"),
    "REGISTRY_NOT_ALLOWED": ("RegistryNotAllowed", "refused"),
    "ALREADY_EXISTS": ("PluginAlreadyExists", "refused"),
    "NOT_FOUND": ("PluginNotFound", "refused"),
    "REPOSITORY_NOT_LOCAL": ("RepositoryNotLocal", "refused"),
    "REVISION_CONFLICT": ("RevisionConflict", "refused"),
    "DEADLINE_EXCEEDED": ("DeadlineExceeded", "refused"),
    "RESULT_TOO_LARGE": ("ResultTooLarge", "refused"),
    "QUERY_TIMEOUT": ("QueryTimeout", "refused"),
    "UNAUTHENTICATED": ("Unauthenticated", "refused"),
    "PERMISSION_DENIED": ("PermissionDenied", "refused"),
    "IMAGE_NOT_FOUND": ("ImageNotFound", "refused"),
    "VERSIONS_PENDING": ("VersionsPending", "unavailable"),
    "REGISTRY_UNAVAILABLE": ("RegistryUnavailable", "unavailable"),
    "REPOSITORY_UNAVAILABLE": ("RepositoryUnavailable", "unavailable"),
    "STORE_UNAVAILABLE": ("StoreUnavailable", "unavailable"),
    "DECIDED_BEFORE": ("DecidedBefore", "refused"),
    "INTERNAL": ("InternalFault", "fault"),
}


def test_every_operation_is_as_published() -> None:
    table = {o.task: (o.queue, o.api_message, o.api_method, o.api_path) for o in OPERATIONS}
    assert table == PUBLISHED
    assert set(BY_TASK) == set(table)


def test_an_operation_with_two_paths_has_both() -> None:
    also = {o.task: o.api_also for o in OPERATIONS if o.api_also}
    assert also == {"plugin.list": (("GET", "/repository/v1/plugins"),)}


def test_a_batch_holds_every_write_but_a_batch() -> None:
    assert set(WRITES) == {
        "plugin.register",
        "plugin.update",
        "plugin.deregister",
        "plugin.enable",
        "plugin.disable",
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.verb)
def test_what_every_message_has(operation: object) -> None:
    command = operation.command  # type: ignore[attr-defined]  # an object to pytest
    if operation.verb != "batch":  # type: ignore[attr-defined]  # an object to pytest
        assert command.model_fields["domain_id"].is_required()
    assert command.model_config["extra"] == "forbid"
    assert operation.summary.endswith(".")  # type: ignore[attr-defined]  # an object to pytest


def test_the_error_of_each_code_is_as_published() -> None:
    for code, (name, kind) in CODES.items():
        error = getattr(errors, name)
        assert (error.code, error.kind) == (code, kind)
    assert (errors.RepositoryNotFound.code, errors.RepositoryNotFound.kind) == ("NOT_FOUND", "refused")


def test_no_error_is_unpublished() -> None:
    def kinds_of(kind: type[ContractError]) -> list[type[ContractError]]:
        return [below for below in kind.__subclasses__() if below.__module__ == errors.__name__]

    leaves = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, ContractError) and not kinds_of(kind)
    }
    assert leaves == {name for name, _ in CODES.values()} | {"RepositoryNotFound"}


def test_an_error_rebuilds_itself_from_its_arguments() -> None:
    told = errors.RevisionConflict("jira is at 3", details={"revision": 3})
    again = errors.RevisionConflict(*told.args)
    assert (again.message, again.code, again.details) == (
        "jira is at 3",
        "REVISION_CONFLICT",
        {"revision": 3},
    )
    assert str(again) == "REVISION_CONFLICT: jira is at 3"
    assert again.as_dict() == {
        "type": "RevisionConflict",
        "message": "jira is at 3",
        "code": "REVISION_CONFLICT",
        "details": {"revision": 3},
    }
