"""The URL of the next page: always the scheme, host, port and path of this page, whatever the registry says.

A page elsewhere would get our credentials. So a registry chooses nothing but the query.
"""

from urllib.parse import parse_qsl, quote, urlencode

from worker.registries.http.origin import parse_url

_QUERY = "!$%&'()*+,-./:;=?@_~"


def following(url: str, reference: str) -> str | None:
    """Return the URL of the page that ``reference`` names, in the answer from ``url``; None: it names none.

    Only its query counts: behind proxies and in virtual repositories many registries write another scheme,
    host or path than they were asked for.
    """
    query = quote(_query(reference), safe=_QUERY)
    return _checked(url, query) if query else None


def after(url: str, last: str, size: int | None) -> str | None:
    """Return the URL of the page that begins behind the tag ``last``; None: there can be none.

    ``url``: of the page that ended with ``last``. ``size``: how many tags to ask for; None: do not say.
    """
    others = [(name, value) for name, value in parse_qsl(_query(url)) if name not in ("n", "last")]
    asked = [] if size is None else [("n", str(size))]
    # A lone surrogate in a name cannot be encoded.
    return _checked(url, urlencode([*others, *asked, ("last", last)], errors="replace"))


def cursor_of(reference: str) -> str | None:
    """Return the tag behind which the page begins that ``reference`` names, as far as it says so."""
    return dict(parse_qsl(_query(reference))).get("last")


def _query(reference: str) -> str:
    return reference.strip().partition("#")[0].partition("?")[2]


def _checked(url: str, query: str) -> str | None:
    target = f"{url.partition('?')[0]}?{query}"
    try:
        parse_url(target)
    except ValueError:
        return None
    return target
