"""Which queue a write goes to: vectors that publishers in any language can check themselves against."""

import zlib
from collections import Counter
from typing import Any

import pytest

from contracts.partition import address, command_queues, partition, queue_name, queue_of

PLUGINS = [
    ("", ""),
    ("domain-123456789012", "plugin-jira-noti-protocol"),
    ("dömain", "plügin"),
]


def bitwise_crc32(data: bytes) -> int:
    """The definition (reflected polynomial 0xEDB88320), bit by bit, independent of zlib."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_checksum_is_the_one_of_the_standard() -> None:
    assert bitwise_crc32(b"123456789") == 0xCBF43926
    assert zlib.crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize(("domain_id", "plugin_id"), PLUGINS)
@pytest.mark.parametrize("count", [1, 2, 7, 16, 1024])
def test_the_partition_is_the_unsigned_checksum_modulo_n(domain_id: str, plugin_id: str, count: int) -> None:
    expected = bitwise_crc32(f"{domain_id}/{plugin_id}".encode())
    assert partition(domain_id, plugin_id, count) == expected % count


@pytest.mark.parametrize(
    ("domain_id", "plugin_id", "index"),
    [
        ("domain-123456789012", "plugin-jira-noti-protocol", 9),
        ("domain-123456789012", "plugin-aws-sns-mon-webhook", 7),
        ("dömain", "plügin", 5),
        ("", "", 4),
    ],
)
def test_fixed_partitions_of_16(domain_id: str, plugin_id: str, index: int) -> None:
    assert partition(domain_id, plugin_id, 16) == index


def test_partitions_are_used_evenly() -> None:
    counts = Counter(partition("d", f"plugin-{n}", 8) for n in range(8_000))
    assert len(counts) == 8
    assert min(counts.values()) > 800


def test_names_of_queues() -> None:
    assert queue_name(0, 1) == "plugin.commands"
    assert queue_name(3, 4) == "plugin.commands.3"
    assert command_queues(1) == ["plugin.commands"]
    assert command_queues(2) == ["plugin.commands", "plugin.commands.0", "plugin.commands.1"]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("plugin.register", {"domain_id": "d", "image": "a/b/c"}, ("d", "c")),
        ("plugin.register", {"domain_id": "d", "image": "c", "plugin_id": "x"}, ("d", "c")),
        ("plugin.update", {"domain_id": "d", "plugin_id": "c", "image": "x"}, ("d", "c")),
        ("plugin.update", {"domain_id": 7, "plugin_id": None}, ("", "")),
        ("plugin.register", {"image": ["a"]}, ("", "")),
        ("plugin.enable", None, ("", "")),
        ("plugin.enable", [1], ("", "")),
        ("plugin.batch", {"commands": []}, ("", "")),
        ("plugin.batch", {"commands": "x"}, ("", "")),
        ("plugin.batch", {"commands": [7]}, ("", "")),
        (
            "plugin.batch",
            {"commands": [{"operation": "plugin.register", "params": {"domain_id": "d", "image": "a/c"}}]},
            ("d", "c"),
        ),
    ],
)
def test_the_address_is_read_from_raw_arguments(
    operation: str, params: Any, expected: tuple[str, str]
) -> None:
    assert address(operation, params) == expected


def test_one_plugin_has_one_queue_whatever_the_operation() -> None:
    register = queue_of("plugin.register", {"domain_id": "d", "image": "acme/jira"}, 64)
    update = queue_of("plugin.update", {"domain_id": "d", "plugin_id": "jira"}, 64)
    assert register == update == queue_name(partition("d", "jira", 64), 64)
    assert queue_of("plugin.update", {}, 1) == "plugin.commands"


def test_what_is_no_unicode_text_has_a_partition_as_well() -> None:
    assert 0 <= partition("\ud800", "x", 16) < 16
