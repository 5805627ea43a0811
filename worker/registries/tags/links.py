"""``Link`` headers, also as registries write them that do not keep to the standard."""

import re

_VALUE = r'"[^"]*"|\'[^\']*\'|[^\s;,"<]*'
_PARAMETER = re.compile(rf';\s*([^\s=;,"<]+)(?:\s*=\s*({_VALUE}))?')
_LINK = re.compile(rf'(?:<([^<>]*)>|([^\s<>,;"\']+))((?:\s*;\s*[^\s=;,"<]+(?:\s*=\s*(?:{_VALUE}))?)*)')
_MAX_HEADER = 16_384


def next_link(header: str | None) -> str | None:
    """Return the reference of the next page in a ``Link`` header, or None.

    It is the first one with ``rel="next"``, else the first one without any ``rel``: a list of tags links to
    nothing but its next page. The reference may lack its angle brackets, and ``rel`` may have single quotes.

    Not ``requests.utils.parse_header_links``: it cuts a URL at its first ``;`` and a quoted text at a comma,
    so that a title can pass for a link.
    """
    unnamed: str | None = None
    for match in _LINK.finditer((header or "")[:_MAX_HEADER]):
        reference = str(match[2] if match[1] is None else match[1]).strip()
        relations = _relations(match[3])
        if "next" in relations:
            return reference
        if not relations and unnamed is None:
            unnamed = reference
    return unnamed


def _relations(parameters: str) -> list[str]:
    for name, value in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return str(value).strip("\"'").lower().split()
    return []
