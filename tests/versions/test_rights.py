"""A credential is used, and what it brought is answered, only for the domains that may use it now."""

import pytest

from contracts.errors import RegistryUnavailable
from tests.versions.world import HOST, World
from worker.domain.image import ImageRef
from worker.domain.scope import NOBODY


def of_team(world: World, domain_id: str = "domain-1") -> ImageRef:
    return world.plugin("team/plugin", domain_id, credential="team")


def test_an_image_is_not_asked_for_when_none_of_its_domains_may_use_the_credential(world: World) -> None:
    ref = of_team(world)
    world.images.ensure(ref, world.clock.now())
    world.round()
    world.registry.asked.clear()
    world.registry.rights["team"] = frozenset({"domain-2"})
    world.later(hours=2)
    assert world.round() == {"auth": 1}
    assert world.registry.asked == []
    image = world.image(ref)
    assert (image.state, image.versions) == ("auth_failed", ("1.0",))
    assert image.next_refresh_at is not None
    assert image.next_refresh_at > world.clock.now()


def test_one_domain_that_may_is_enough(world: World) -> None:
    ref = of_team(world, "domain-1")
    of_team(world, "domain-2")
    world.registry.rights["team"] = frozenset({"domain-2"})
    world.images.ensure(ref, world.clock.now())
    assert world.round() == {"first_list": 1}


def test_what_a_credential_brought_is_answered_to_whom_it_is_for(world: World) -> None:
    ref = of_team(world, "domain-1")
    of_team(world, "domain-2")
    world.images.ensure(ref, world.clock.now())
    world.round()
    world.registry.rights["team"] = frozenset({"domain-2"})
    assert world.reader().versions(ref, "domain-2").results == ["1.0"]
    world.later(hours=2)
    for stranger in ("domain-1", NOBODY):
        with pytest.raises(RegistryUnavailable):
            world.reader().versions(ref, stranger)
    assert world.document(ref)["priority"] == 0, "a domain that may not use it has it read"


def test_a_managed_plugin_is_nobodys(world: World) -> None:
    ref = of_team(world, "")
    world.registry.rights["team"] = frozenset({NOBODY})
    world.images.ensure(ref, world.clock.now())
    assert world.round() == {"first_list": 1}
    assert world.reader().versions(ref).results == ["1.0"]


def test_the_users_of_an_image_by_domains(world: World) -> None:
    ref = of_team(world, "domain-1")
    assert world.users.any(ref)
    assert world.users.any(ref, frozenset({"domain-1", "domain-3"}))
    assert not world.users.any(ref, frozenset({"domain-2", NOBODY}))
    assert not world.users.any(ref, frozenset())
    assert not world.users.any(ImageRef("OCI", HOST, "team/plugin"), None)
