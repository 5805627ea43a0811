"""The examples of the API text."""

from typing import Any

DOMAIN = "domain-123456789012"

REGISTER: dict[str, Any] = {
    "name": "JIRA Issue notification",
    "service_type": "notification.Procotol",
    "image": "pyengine/plugin-jira-noti-protocol",
    "registry_type": "DOCKER_HUB",
    "registry_config": {},
    "provider": "atlassian",
    "capability": {"supported_schema": ["atlassian_jira"]},
    "template": {
        "options": {
            "schema": {
                "type": "object",
                "required": [],
                "properties": {
                    "project_id": {"type": "string", "title": "Project ID", "minLength": 4.0},
                    "sa_name": {"title": "Service Account", "type": "string", "minLength": 4.0},
                },
            }
        }
    },
    "labels": ["jira", "atlassian", "notification"],
    "tags": {
        "description": "Atlassian JIRA Issue notification",
        "icon": "https://icon-path/jira-icon.png",
    },
}

UPDATE: dict[str, Any] = {
    name: REGISTER[name] for name in ("name", "capability", "template", "labels", "tags")
}

WEBHOOK: dict[str, Any] = {
    "name": "AWS SNS Webhook",
    "service_type": "monitoring.Webhook",
    "image": "pyengine/plugin-aws-sns-mon-webhook",
    "tags": {"icon": "https://icon-path/Amazon-SNS.svg"},
}
"""What the examples of get, enable, disable and deregister show must have been registered so."""

JIRA_ID = "plugin-jira-noti-protocol"
WEBHOOK_ID = "plugin-aws-sns-mon-webhook"

TAGS = {
    REGISTER["image"]: ["1.0", "1.0.1", "1.1", "1.2.1.20220429.104002", "latest", "1.2-rc1"],
    WEBHOOK["image"]: ["1.0", "1.1", "v1.2"],
}
"""The versions that the demo's registry has; the order is not theirs to keep."""
