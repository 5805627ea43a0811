"""A registry that pages: in every spelling of a link, with every fault of a page that was seen or imagined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote

from tests.registries.attacks import PATH
from tests.registries.double import Asked, Double, Handler
from worker.domain.image import ImageRef, TagList
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.registries import Registries

Form = Callable[[str, str], str]
"""``(authority, query) -> the value of Link``."""


def _form(template: str) -> Form:
    return lambda authority, query: template.format(
        path=PATH,
        host=authority,
        query=query,
        escaped=PATH.replace("/app/", "%2Fapp/"),
        trap=authority.replace("127.0.0.1", "127.0.0.2"),
    )


FORMS: dict[str, Form] = {
    name: _form(template)
    for name, template in {
        "relative": '<{path}?{query}>; rel="next"',
        "absolute": '<http://{host}{path}?{query}>; rel="next"',
        "single quotes": "<{path}?{query}>; rel='next'",
        "unquoted": "<{path}?{query}>; rel=next",
        "bare": '{path}?{query}; rel="next"',
        "bare, absolute": "http://{host}{path}?{query};rel=next",
        "half a bracket": '<{path}?{query}; rel="next"',
        "no rel": "<{path}?{query}>",
        "bare, no rel": "{path}?{query}",
        "rel without a value": "<{path}?{query}>; rel",
        "half a quote": '<{path}?{query}>; rel="next',
        "other parameters": '<{path}?{query}>; type="a/b"',
        "query alone": '<?{query}>; rel="next"',
        "foreign path": '<http://{host}/repository/hub{path}?{query}>; rel="next"',
        "dropped key": '</v2/other/tags/list?{query}>; rel="next"',
        "escaped slash": '<{escaped}?{query}>; rel="next"',
        "trailing slash": '<{path}/?{query}>; rel="next"',
        "no slash": '<v2/app/tags/list?{query}>; rel="next"',
        "two slashes": '</{path}?{query}>; rel="next"',
        "other scheme": '<https://{host}{path}?{query}>; rel="next"',
        "other port": '<http://127.0.0.1:9{path}?{query}>; rel="next"',
        "foreign host": '<http://{trap}{path}?{query}>; rel="next"',
        "user": '<http://me:secret@{host}{path}?{query}>; rel="next"',
        "no host": '<http://{path}?{query}>; rel="next"',
        "blanks around": '< {path}?{query} >; rel="next"',
        "blank inside": '</v2/app /tags/list?{query}>; rel="next"',
        "blank at the equals sign": '<{path}?{query}> ; rel = "next" ',
        "fragment": '<{path}?{query}#top>; rel="next"',
        "upper case": '<{path}?{query}>; REL="NEXT"',
        "several relations": '<{path}?{query}>; rel="last next"',
        "several links": '<{path}?n=7>; rel="first", <{path}?{query}>; rel="next"; x=1, </>; rel="help"',
        "no rel beside others": '<{path}?n=7>; rel="first", <{path}?{query}>',
        "signs in quotes": '<{path}?{query}>; title="a, <b>; rel=prev"; rel="next"',
        "signs in single quotes": "<{path}?{query}>; title='a, b; rel=prev'; rel='next'",
        "no query": '<{path}>; rel="next"',
        "size alone": '<{path}?n=1000>; rel="next"',
        "nonsense": "nonsense",
    }.items()
}


@dataclass
class Pager:
    """Answers with the pages of ``names``, whose order is that of the pages.

    ``form``: how it links; None: never. ``cap``: the most tags of a page, also if more are asked for.
    ``refuses``: the lowest ``n`` that gets a 400; 1: any. ``one_too_many``: it links behind the last page too.
    ``ignores``: parameters that it does not look at. ``cursor``: makes the ``last`` of its links of the last
    name and of the place behind it. ``faults``: by the number of a request, from 0, what is answered instead.
    """

    names: Sequence[str]
    form: Form | None = FORMS["relative"]
    cap: int = 1_000_000
    refuses: int = 1_000_000
    one_too_many: bool = False
    ignores: frozenset[str] = frozenset()
    cursor: Callable[[str, int], str] = lambda name, place: name
    faults: dict[int, Fault] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict, init=False)
    _count: int = field(default=0, init=False)

    def __call__(self, handler: Handler) -> None:
        query = handler.asked.query
        wanted = None if "n" in self.ignores else query.get("n")
        number, self._count = self._count, self._count + 1
        if "n" in query and int(query["n"]) >= self.refuses:
            handler.reply(400, {"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})
            return
        start = 0 if "last" in self.ignores else self._start(query.get("last"))
        fault = self.faults.get(number)
        if fault is not None:
            fault(self, handler, start)
        else:
            self.page(handler, start, int(wanted) if wanted else None)

    def page(self, handler: Handler, start: int, size: int | None = None, skip: int = 0) -> None:
        """Answer with the page at a place. ``skip``: how many tags the link leaves out."""
        end = start + min(self.cap, size or self.cap)
        tags = self.names[start:end]
        headers = {}
        if self.form is not None and (end < len(self.names) or (self.one_too_many and tags)):
            place = min(end + skip, len(self.names))
            last = self.cursor(self.names[place - 1], place)
            self._places[last] = place
            wanted = "" if size is None else f"&n={size}"
            headers["Link"] = self.form(handler.double.authority, f"last={quote(last)}{wanted}")
        handler.reply(200, {"name": "app", "tags": tags}, headers)

    def _start(self, last: str | None) -> int:
        if last is None:
            return 0
        if last in self._places:
            return self._places[last]
        return self.names.index(last) + 1 if last in self.names else 0


Fault = Callable[[Pager, Handler, int], None]
"""``(registry, request, start of the page)``: answers instead of the registry."""


def status(code: int) -> Fault:
    """A fault: this status."""
    return lambda pager, handler, start: handler.reply(code, b"<h1>whatever</h1>")


def body(answer: object) -> Fault:
    """A fault: a 200 with this body and without a link."""
    return lambda pager, handler, start: handler.reply(200, answer)


def hangs_up(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the connection ends."""
    handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
    handler.close_connection = True


def repeats(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the page before comes again, with its link."""
    pager.page(handler, max(0, start - pager.cap), pager.cap)


def stops(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the page before comes again, as the last one."""
    if not start:
        pager.page(handler, start)
        return
    page = pager.names[max(0, start - pager.cap) : start]
    handler.reply(200, {"tags": page[: int(handler.asked.query.get("n", pager.cap))]})


def overlaps(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the page begins with some tags from before its cursor."""
    pager.page(handler, max(0, start - 5), pager.cap)


def leaves_out(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the link of the page leads behind the next page."""
    pager.page(handler, start, pager.cap, skip=pager.cap)


def is_empty(pager: Pager, handler: Handler, start: int) -> None:
    """A fault: the page has nothing but a link to the page behind it."""
    end = start + pager.cap
    if end >= len(pager.names):
        pager.page(handler, start)
        return
    link = FORMS["relative"](handler.double.authority, f"last={quote(pager.names[end - 1])}")
    handler.reply(200, {"tags": None}, {"Link": link})


class Reader:
    """Reads one pager after the other, over HTTP. ``asked``: the requests for the last one."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._double = self._stack.enter_context(Double())
        self._trap = self._stack.enter_context(Double("127.0.0.2", self._double.port))
        allowed = AllowedRegistries.parse(f"http://{self._double.authority}")
        self._registries = self._stack.enter_context(Registries(allowed))

    @property
    def asked(self) -> list[Asked]:
        return self._double.asked

    def read(self, registry: Pager) -> TagList:
        """Read the list. Nobody else is asked, and nothing but the list."""
        self._double.asked.clear()
        self._double.behaviours[PATH] = replace(registry)
        try:
            return self._registries.fetch(ImageRef("OCI", self._double.authority, "app"))
        finally:
            assert {asked.path for asked in self.asked} == {PATH}
            assert self._trap.asked == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
