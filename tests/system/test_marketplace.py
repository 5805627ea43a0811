"""Documents of the reference's shapes as a managed repository: listed, found, and their versions read."""

from pathlib import Path

from tests.support.servers import MongoReplicaSet
from tests.system.marketplace import NEWEST_FIRST, deployed, look

DOCUMENTS = {
    "chat": """---
plugin_id: plugin-chat-noti-protocol
name: Chat Notification Protocol
image: plugin-chat-noti-protocol
capability:
  supported_schema: [ ]
labels: [ ]
provider: acme
resource_type: notification.Protocol
tags:
  description: Chat
  long_description: A chat that takes
    what happened.
""",
    "own-id-and-long-image": """---
plugin_id: plugin-acme-vm-inven-collector
name: Acme VM Collector
image: plugin-acme-virtual-machines-and-disks-inven-collector
capability: {}
labels:
  - VM
resource_type: inventory.Collector
provider: acme
tags: {}
template: { }
""",
    "docs": """---
name: Alerts Webhook
plugin_id: plugin-alerts-mon-webhook
image: plugin-alerts-mon-webhook
resource_type: monitoring.Webhook
provider: alerts
docs:
  en: |
    # Alerts
    - a webhook
""",
    "earlier": """name: Bench Collector
service_type: inventory.Collector
image: elsewhere/plugin-bench-inven-collector
capability: {}
tags:
    icon: https://icons.example.com/bench.svg
template: {}
provider: bench
""",
}


def test_documents_of_the_reference_are_plugins(tmp_path: Path, mongodb_server: MongoReplicaSet) -> None:
    folder = tmp_path / "market"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / f"{name}.yaml").write_text(text)

    with deployed(folder, "acme", tmp_path, mongodb_server.url("marketplace")) as (deployment, registry):
        seen = look(deployment, registry, len(DOCUMENTS))

    assert {plugin_id: row["image"] for plugin_id, row in seen.listed.items()} == {
        "plugin-chat-noti-protocol": "acme/plugin-chat-noti-protocol",
        "plugin-acme-vm-inven-collector": "acme/plugin-acme-virtual-machines-and-disks-inven-collector",
        "plugin-alerts-mon-webhook": "acme/plugin-alerts-mon-webhook",
        "plugin-bench-inven-collector": "elsewhere/plugin-bench-inven-collector",
    }
    assert seen.found == len(DOCUMENTS)
    assert seen.versions == dict.fromkeys(seen.listed, NEWEST_FIRST)
    assert seen.asked == {row["image"] for row in seen.listed.values()}
    assert seen.warnings == []
    assert [f["details"] for f in seen.doctor if "details" in f and f["check"] == "managed"] == [
        {"left_out": {"docs": 1}}
    ]
