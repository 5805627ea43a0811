"""The place of a key: a path in a stored document, or a path expression in a pipeline."""

from contracts.query.keys import split_key
from worker.store.escape import escape_key

PLUGIN = "plugin"
"""The part of a document that holds the plugin's fields."""

REVISION = "revision"
"""The one field of a plugin that is a field of its document."""

DOMAIN = "domain_id"
"""The one field of a plugin that a managed plugin's document does not have: it is the asking domain's."""


def escaped(key: str) -> str:
    """Return a key as a dotted path of stored names."""
    return ".".join(escape_key(part) for part in split_key(key))


def stored(key: str) -> str:
    """Return the path of a plugin's key in its document."""
    path = escaped(key)
    return path if split_key(key)[0] == REVISION else f"{PLUGIN}.{path}"


def value_of(key: str) -> str:
    """Return the expression for the value at a key of a row; an escaped path has no other ``$``."""
    return f"${escaped(key)}"
