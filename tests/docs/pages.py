"""The Markdown pages of the project, read for tests: blocks, links, headings, names of files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import ROOT

RUN = ("python", "sh")
"""The languages of blocks that a reader copies: each is run, or says why it is not."""

_FENCE = re.compile(r"^```(\w*)\s*$")
_MARKER = re.compile(r"^<!-- (not run|until the end)(?:: (.+))? -->$")
_HEADING = re.compile(r"^#+ (.+?)\s*$")
_PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?<![\w/.~:-])((?:contracts|worker|tests|docs|deploy|\.ci|\.github)/[\w./*-]*[\w*/])")
_MODULE = re.compile(r"`((?:contracts|worker|tests)(?:\.[a-z_]\w*)+)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its text, the output that the page shows below it, and the marker before it.

    `marker` is "not run" (with the `reason`), or "until the end": started, and left running until the page
    ends.
    """

    page: Path
    line: int
    language: str
    text: str
    marker: str = ""
    reason: str = ""
    shown: str | None = None

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def blocks(self) -> list[Block]:
        """The blocks in order; a `text` block below one that is run is its output, and no block of its own."""
        found: list[Block] = []
        for block in self._fenced():
            last = found[-1] if found else None
            if block.language == "text" and last and last.language in RUN and last.shown is None:
                found[-1] = Block(**{**last.__dict__, "shown": block.text})
            else:
                found.append(block)
        return found

    def _fenced(self) -> Iterator[Block]:
        lines = iter(enumerate(self.lines, start=1))
        marker = reason = ""
        for number, line in lines:
            if found := _MARKER.match(line):
                marker, reason = found[1], found[2] or ""
                continue
            fence = _FENCE.match(line)
            if fence:
                text = []
                for _, inner in lines:
                    if inner == "```":
                        break
                    text.append(inner + "\n")
                yield Block(self.path, number, fence[1], "".join(text), marker, reason)
            marker = reason = ""

    def prose(self) -> list[tuple[int, str]]:
        """The numbered lines outside of blocks."""
        inside, found = False, []
        for number, line in enumerate(self.lines, start=1):
            if line.startswith("```"):
                inside = not inside
            elif not inside:
                found.append((number, line))
        return found

    def links(self) -> list[str]:
        """The targets of links."""
        return [target for _, line in self.prose() for target in _LINK.findall(line)]

    def pictures(self) -> list[str]:
        """The targets of pictures."""
        return [target for _, line in self.prose() for target in _PICTURE.findall(line)]

    def anchors(self) -> set[str]:
        """The anchors that GitHub gives the headings."""
        seen: Counter[str] = Counter()
        found = set()
        for _, line in self.prose():
            if heading := _HEADING.match(line):
                slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
                found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
                seen[slug] += 1
        return found

    def paths(self) -> set[str]:
        """The files and folders of the project that the page names, pictures and code included."""
        return {name for line in self.lines for name in _PATH.findall(_expanded(line))}

    def modules(self) -> set[str]:
        """The dotted names of modules, classes and the like that the page names as code."""
        return {name for _, line in self.prose() for name in _MODULE.findall(line)}

    def table(self, heading: str) -> list[list[str]]:
        """The cells of the rows of the tables below a heading, without their head."""
        section = re.split(rf"^#+ {re.escape(heading)}\n", self.text, flags=re.MULTILINE)[1]
        section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
        rows = [line.strip().strip("|") for line in section.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows]
        rules = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
        heads = {number - 1 for number in rules}
        return [row for number, row in enumerate(cells) if number not in heads and number not in rules]


def _expanded(line: str) -> str:
    """`a/{b,c}.py` as `a/b.py a/c.py`."""
    while found := re.search(r"([\w./-]*)\{([\w,.*/-]+)\}([\w./-]*)", line):
        names = " ".join(found[1] + inner + found[3] for inner in found[2].split(","))
        line = line[: found.start()] + names + line[found.end() :]
    return line


README = Page(ROOT / "README.md")
MANUAL = [README, *(Page(path) for path in sorted((ROOT / "docs").glob("*.md")))]
"""What a user reads: every block in it is run."""

EVERY = [*MANUAL, *(Page(p) for p in sorted(ROOT.glob("*.md")) if p != README.path)]
"""Those, and the other pages at the root of the project."""


def page(name: str) -> Page:
    """A page of the manual by its file name."""
    (found,) = (page for page in MANUAL if page.path.name == name)
    return found
