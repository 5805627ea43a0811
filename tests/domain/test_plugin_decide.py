"""What each write does to a plugin."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import errors
from contracts.commands import DeregisterPlugin, DisablePlugin, EnablePlugin, RegisterPlugin, UpdatePlugin
from contracts.parse import parse
from contracts.plugin import PluginInfo, RepositoryInfo
from worker.domain.plugin import Changed, Unchanged, decide
from worker.domain.policy import Policy

LOCAL = RepositoryInfo(repository_id="repo-local", name="Local", repository_type="local")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
POLICY = Policy(repository=LOCAL, registry=lambda kind, url: url or "registry.hub.docker.com")


def registered(**fields: Any) -> PluginInfo:
    decision = decide(None, 0, register(**fields), NOW, POLICY)
    assert isinstance(decision, Changed)
    return decision.plugin


def register(**fields: Any) -> RegisterPlugin:
    given = {
        "domain_id": "d-1",
        "name": "JIRA",
        "service_type": "notification.Protocol",
        "image": "acme/jira",
    }
    return parse(RegisterPlugin, given | fields)


def update(**fields: Any) -> UpdatePlugin:
    return parse(UpdatePlugin, {"domain_id": "d-1", "plugin_id": "jira"} | fields)


def test_register_creates_an_enabled_plugin_at_revision_1() -> None:
    decision = decide(None, 0, register(labels=["a"]), NOW, POLICY)
    assert isinstance(decision, Changed)
    assert (decision.change, decision.revision, decision.changed_fields) == ("registered", 1, ())
    plugin = decision.plugin
    assert plugin.plugin_id == "jira"
    assert plugin.state == "ENABLED"
    assert plugin.repository_info == LOCAL
    assert plugin.created_at == plugin.updated_at == NOW


def test_register_continues_the_revision_of_a_tombstone() -> None:
    decision = decide(None, 7, register(), NOW, POLICY)
    assert isinstance(decision, Changed)
    assert (decision.revision, decision.plugin.revision) == (8, 8)


def test_register_refuses_what_is_there() -> None:
    with pytest.raises(errors.PluginAlreadyExists) as refusal:
        decide(registered(), 1, register(), NOW, POLICY)
    assert refusal.value.details["spaceone_code"] == "ERROR_NOT_UNIQUE"


DRAFT_4 = "http://json-schema.org/draft-04/schema#"


@pytest.mark.parametrize(("length", "fits"), [(40, True), (41, False)])
def test_register_limits_the_image(length: int, fits: bool) -> None:
    command = register(image="a/" + "b" * (length - 2))
    if fits:
        decide(None, 0, command, NOW, POLICY)
        return
    with pytest.raises(errors.InvalidImage) as refusal:
        decide(None, 0, command, NOW, POLICY)
    assert refusal.value.details["spaceone_code"] == "ERROR_INVALID_IMAGE_LENGTH"


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_register_takes_no_plugin_id_that_no_other_command_could_name(length: int, fits: bool) -> None:
    policy = replace(POLICY, image_max_length=1024)
    command = register(image="a/" + "b" * length)
    if fits:
        decide(None, 0, command, NOW, policy)
        assert update(plugin_id=command.plugin_id)
        return
    with pytest.raises(errors.InvalidImage, match="256 characters; 255") as refusal:
        decide(None, 0, command, NOW, policy)
    assert refusal.value.details == {"path": "image", "spaceone_code": "ERROR_INVALID_IMAGE_LENGTH"}


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ({"options": {"schema": {"type": "objekt"}}}, "template.options.schema.type"),
        ({"options": {"schema": {"required": "a"}}}, "template.options.schema.required"),
        ({"options": {"schema": 5}}, "template.options.schema"),
        ({"options": {"schema": {"pattern": "("}}}, "template.options.schema.pattern"),
        ({"a": {"schema": {"properties": {"x": [1]}}}}, "template.a.schema.properties.x"),
        ({"a": {"schema": {"pattern": "a{99999999999999999999}"}}}, "template.a.schema.pattern"),
        ({"a": {"schema": {"pattern": "(" * 500 + ")" * 500}}}, "template.a.schema.pattern"),
        ({"a": {"schema": {"$schema": []}}}, "template.a.schema.$schema"),
        ({"a": {"schema": {"$schema": 5}}}, "template.a.schema.$schema"),
        ({"a": {"schema": {"$schema": "http://["}}}, "template.a.schema.$schema"),
        ({"a": {"schema": {"required": ["x", "y", "x"]}}}, "template.a.schema.required"),
        ({"a": {"schema": {"$schema": DRAFT_4, "enum": [{"x": 1}, {"x": 1.0}]}}}, "template.a.schema.enum"),
        (
            {"a": {"schema": {"enum": [[]] * 3000}}, "b": {"schema": {"enum": [[]] * 3000}}},
            "template.b.schema",
        ),
    ],
)
def test_a_bad_schema_is_refused_by_its_path(template: dict[str, Any], path: str) -> None:
    for command in (register(template=template), update(template=template)):
        with pytest.raises(errors.InvalidTemplateSchema) as refusal:
            decide(None if isinstance(command, RegisterPlugin) else registered(), 1, command, NOW, POLICY)
        assert refusal.value.details["path"] == path


@pytest.mark.parametrize(
    "template",
    [
        {"options": {"schema": {"type": "object", "minLength": 4.0, "properties": {"a": {"$ref": "#/x"}}}}},
        {"options": {"schema": True}},
        {"options": {"no_schema": 1}},
        {"schema": {"schema": {}}},
        {"o": {"schema": {"$schema": DRAFT_4, "enum": [1, True, "1", [1], {"x": 1}, {"x": True}]}}},
        {"o": {"schema": {"$schema": "no draft that is known", "enum": [1]}}},
        {"o": {"schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{}]}}},
    ],
)
def test_a_valid_template_is_accepted(template: dict[str, Any]) -> None:
    assert registered(template=template).template == template


def test_update_replaces_whole_fields_and_keeps_the_rest() -> None:
    plugin = registered(tags={"a": 1, "b": 2}, labels=["x"], provider="aws")
    decision = decide(plugin, 1, update(tags={"c": 3}, name="New"), LATER, POLICY)
    assert isinstance(decision, Changed)
    assert decision.changed_fields == ("name", "tags")
    after = decision.plugin
    assert (after.tags, after.labels, after.provider) == ({"c": 3}, ["x"], "aws")
    assert (after.created_at, after.updated_at, after.revision) == (NOW, LATER, 2)


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [({"tags": {}}, "tags", {}), ({"labels": []}, "labels", []), ({"provider": ""}, "provider", None)],
)
def test_update_clears(given: dict[str, Any], field: str, value: Any) -> None:
    decision = decide(
        registered(tags={"a": 1}, labels=["x"], provider="aws"), 1, update(**given), NOW, POLICY
    )
    assert isinstance(decision, Changed)
    assert getattr(decision.plugin, field) == value


def test_an_update_that_changes_nothing_is_unchanged() -> None:
    plugin = registered(tags={"a": 1}, provider="aws")
    assert decide(plugin, 1, update(tags={"a": 1}, name="", provider="aws"), LATER, POLICY) == Unchanged(
        plugin
    )


def test_enable_and_disable_set_the_state_once() -> None:
    plugin = registered()
    enable = EnablePlugin(domain_id="d-1", plugin_id="jira")
    disable = DisablePlugin(domain_id="d-1", plugin_id="jira")
    assert decide(plugin, 1, enable, LATER, POLICY) == Unchanged(plugin)
    disabled = decide(plugin, 1, disable, LATER, POLICY)
    assert isinstance(disabled, Changed)
    assert (disabled.change, disabled.plugin.state, disabled.changed_fields) == (
        "disabled",
        "DISABLED",
        ("state",),
    )
    enabled = decide(disabled.plugin, 2, enable, LATER, POLICY)
    assert isinstance(enabled, Changed)
    assert (enabled.change, enabled.plugin.state, enabled.revision) == ("enabled", "ENABLED", 3)


def test_deregister_answers_with_the_plugin_as_it_last_was() -> None:
    plugin = registered()
    decision = decide(plugin, 1, DeregisterPlugin(domain_id="d-1", plugin_id="jira"), LATER, POLICY)
    assert decision == Changed("deregistered", plugin, 2, plugin.model_dump_json(exclude_none=True))


@pytest.mark.parametrize("kind", [DeregisterPlugin, EnablePlugin, DisablePlugin, UpdatePlugin])
def test_a_change_needs_the_plugin_and_the_expected_revision(kind: type[Any]) -> None:
    command = kind(domain_id="d-1", plugin_id="jira", expected_revision=3)
    with pytest.raises(errors.PluginNotFound):
        decide(None, 3, command, NOW, POLICY)
    with pytest.raises(errors.RevisionConflict) as refusal:
        decide(registered(), 4, command, NOW, POLICY)
    assert refusal.value.details["revision"] == 4


@pytest.mark.parametrize("kind", [RegisterPlugin, UpdatePlugin, DisablePlugin, DeregisterPlugin])
def test_a_change_has_the_plugin_after_it_as_text(kind: type[Any]) -> None:
    command = register() if kind is RegisterPlugin else update(name="New", tags={"é": 1})
    if kind in (DisablePlugin, DeregisterPlugin):
        command = kind(domain_id="d-1", plugin_id="jira")
    decision = decide(None if kind is RegisterPlugin else registered(), 1, command, NOW, POLICY)
    assert isinstance(decision, Changed)
    assert json.loads(decision.text) == decision.plugin.model_dump(mode="json", exclude_none=True)


def test_a_clock_set_back_does_not_make_a_plugin_older() -> None:
    decision = decide(registered(), 1, update(name="New"), NOW - timedelta(hours=1), POLICY)
    assert isinstance(decision, Changed)
    assert decision.plugin.updated_at == NOW


def test_a_plugin_has_at_most_1_mib() -> None:
    half = "x" * 600_000
    plugin = registered(tags={"a": half})
    with pytest.raises(errors.InvalidParameter):
        decide(plugin, 1, update(capability={"b": half}), NOW, POLICY)


def test_another_registry_needs_an_allowed_host() -> None:
    def refuse(kind: str, url: str | None) -> str:
        raise errors.RegistryNotAllowed("no")

    with pytest.raises(errors.RegistryNotAllowed):
        decide(None, 0, register(), NOW, Policy(repository=LOCAL, registry=refuse))


def test_a_pattern_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("re._compiler.compile", None)
    registered(template={"o": {"schema": {"pattern": "[a-f]+q", "patternProperties": {"^[[x]q": {}}}}})


@pytest.mark.parametrize(
    ("schemas", "path"),
    [
        ([{"pattern": "a" * 1_000}], None),
        ([{"pattern": "a" * 1_001}], "template.0.schema.pattern"),
        ([{"properties": {"x": {"patternProperties": {"a" * 1_001: {}}}}}], "template.0.schema.properties.x.patternProperties"),
        ([{"allOf": [{"pattern": "a" * 1_000}] * 5}] * 2, None),
        ([{"allOf": [{"pattern": "a" * 1_000}] * 5}] * 2 + [{"pattern": "a"}], "template.2.schema.pattern"),
        ([{"default": {"pattern": "a" * 1_001}, "title": "a" * 20_000}], None),
    ],
)  # fmt: skip
def test_the_patterns_of_a_template_are_limited(schemas: list[Any], path: str | None) -> None:
    template = {str(index): {"schema": schema} for index, schema in enumerate(schemas)}
    if path is None:
        registered(template=template)
        return
    with pytest.raises(errors.InvalidTemplateSchema, match="characters") as refusal:
        registered(template=template)
    assert refusal.value.details["path"] == path
