"""Where the next page is, if it is where the first one was."""

import re

from worker.domain.image import FetchFailed
from worker.registries.http.origin import parse_url, resolve

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"<]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"<]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,"<]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"<]*)))?')
_MAX_HEADER = 16_384


def next_link(header: str | None) -> str | None:
    """Return the reference of the first ``rel="next"`` in a ``Link`` header, or None.

    Not ``requests.utils.parse_header_links``: it cuts a URL at its first ``;`` and a quoted text at a comma,
    so that a title can pass for a link.
    """
    for match in _LINK.finditer((header or "")[:_MAX_HEADER]):
        for name, quoted, bare in _PARAMETER.findall(match[2]):
            if name.lower() == "rel" and "next" in (quoted or bare).lower().split():
                return str(match[1])
    return None


def following(url: str, reference: str, visited: set[str]) -> str:
    """Return the absolute URL of the next page of ``url``, and add it to ``visited``.

    Raises: ``FetchFailed``: ``not_allowed`` unless scheme, host, port and path are those of ``url`` (a page
    elsewhere would get our credentials), ``malformed`` if it was visited before.
    """
    try:
        target = resolve(url, reference)
        here, path = parse_url(url)
        there, next_path = parse_url(target)
    except ValueError:
        raise FetchFailed("not_allowed", detail="a next page elsewhere") from None
    if (there, next_path.partition("?")[0]) != (here, path.partition("?")[0]):
        raise FetchFailed("not_allowed", detail="a next page elsewhere")
    if target in visited:
        raise FetchFailed("malformed", detail="pages without an end")
    visited.add(target)
    return target
