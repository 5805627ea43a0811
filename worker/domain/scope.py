"""Whose a plugin is: a domain's own, or one of a managed repository, which belongs to no domain.

The values are stored, or compared with stored ones: they never change.
"""

MANAGED = ""
"""The stored ``scope`` of managed plugins, which every domain sees. The scope of any other is its domain."""

MANAGED_PREFIX = "//"
"""The start of a managed plugin's key, ``//{repository_id}/{plugin_id}``. No ``domain_id`` starts so."""

NOBODY = "-"
"""The ``domain_id`` of a managed plugin where one is needed, as to decide on the use of a credential.
Answers carry the asking domain instead.
"""
