"""What a page leads to is there: pages, headings, files, modules, targets of make."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import EVERY, MANUAL, Page
from tests.support.servers import ROOT


def name_of(page: Page) -> str:
    return page.name


@pytest.mark.parametrize("page", EVERY, ids=name_of)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = unquote(link).partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        if anchor:
            assert anchor in Page(path).anchors(), link


@pytest.mark.parametrize("page", EVERY, ids=name_of)
def test_pictures_are_there(page: Page) -> None:
    missing = [name for name in page.pictures() if not (page.path.parent / name).is_file()]
    assert not missing


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_the_files_that_it_names_exist(page: Page) -> None:
    missing = [name for name in page.paths() if not any(ROOT.glob(name))]
    assert not missing


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_the_modules_that_it_names_exist(page: Page) -> None:
    for name in page.modules():
        module, rest = name, list[str]()
        while not _is_module(module):
            module, _, last = module.rpartition(".")
            assert module, name
            rest.insert(0, last)
        found = import_module(module)
        for part in rest:
            found = getattr(found, part)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("page", EVERY, ids=name_of)
def test_the_targets_of_make_that_it_names_exist(page: Page) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", page.text, re.MULTILINE)) <= targets


def test_every_page_of_the_manual_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [MANUAL[0].path]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        links = [link.partition("#")[0] for link in Page(path).links()]
        waiting += [
            target
            for link in links
            if (target := (path.parent / link).resolve()).suffix == ".md" and target.exists()
        ]
    assert {page.path for page in MANUAL} <= reached
