"""A run: its arguments, its exit status, its JSON; and two small cases on real servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.cases import CASES
from tests.bench.fakes import CURVED, FAILING, PLAIN, open_no_servers
from tests.bench.report import summary
from tests.bench.run import main
from tests.support.servers import ROOT

QUIET = ("--rounds", "2", "--quick")


def ran(path: Path, *cases: Any, arguments: tuple[str, ...] = QUIET) -> tuple[int, dict[str, Any]]:
    """Run cases, and return the exit status and what is in the file."""
    status = main([*arguments, "--output", str(path)], cases, open_no_servers)
    report: dict[str, Any] = json.loads(path.read_text())
    return status, report


def test_the_report_has_every_round(tmp_path: Path) -> None:
    status, report = ran(tmp_path / "bench.json", PLAIN, CURVED)
    plain, curved = report["cases"]["plain"], report["cases"]["curved"]
    assert (status, report["rounds"], report["quick"]) == (0, 2, True)
    assert plain["figures"][0] == {
        "name": "ours",
        "unit": "/s",
        "at": None,
        "rounds": [200.0, 201.0],
        "median": 200.5,
        "low": 200.0,
        "high": 201.0,
    }
    assert [(each["name"], each["asked"]) for each in plain["comparisons"]] == [
        ("ours / theirs", "at least 2.0")
    ]
    assert [(each["at"], each["rounds"]) for each in curved["figures"]] == [(1, [10, 10]), (16, [160, 160])]
    assert {"processors", "memory_gib", "versions"} <= set(report["machine"])
    assert {"python", "redis", "mongod", "celery (PyPI)"} <= set(report["machine"]["versions"])
    assert report["commit"]
    assert summary(report).endswith(", 2 rounds, quick")
    assert summary(report | {"rounds": 1, "quick": False}).endswith(", 1 round")


def test_a_case_that_fails_says_so_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = ran(tmp_path / "bench.json", FAILING, PLAIN)
    shown = capsys.readouterr()
    assert status == 1
    assert report["cases"]["failing"]["error"] == "RuntimeError: the worker ended"
    assert report["cases"]["failing"]["comparisons"] == []
    assert report["cases"]["plain"]["comparisons"]
    assert "FAILED: RuntimeError: the worker ended" in shown.out
    assert "FAILED: RuntimeError: the worker ended" in shown.err


def test_the_table_has_what_is_asked_beside_what_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(tmp_path / "bench.json", PLAIN)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "ours / theirs" in line)
    assert line.split() == [
        "plain",
        "ours",
        "/",
        "theirs",
        "2.00",
        "1.99",
        "to",
        "2.00",
        "at",
        "least",
        "2.0",
    ]


def test_the_json_is_printed_in_place_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = ran(tmp_path / "bench.json", PLAIN, arguments=(*QUIET, "--json"))
    assert json.loads(capsys.readouterr().out) == report


def test_only_the_named_cases_run(tmp_path: Path) -> None:
    _, report = ran(tmp_path / "bench.json", PLAIN, FAILING, arguments=(*QUIET, "--only", "plain"))
    assert list(report["cases"]) == ["plain"]


@pytest.mark.parametrize("wrong", [["--only", "nonsense"], ["--rounds", "0"]])
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong, [PLAIN], open_no_servers)
    assert ended.value.code == 2


def test_a_quick_run_is_not_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _ = ran(tmp_path / "bench.json", PLAIN, arguments=(*QUIET, "--publish"))
    assert status == 1
    assert "docs/performance.md stays as it is" in capsys.readouterr().err


def test_each_case_has_a_name_and_units_of_what_it_compares() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        for comparison in case.comparisons:
            assert {comparison.left, comparison.right} <= set(case.units), case.name


def test_two_small_cases_run_on_real_servers(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    cases = ("--only", "alone", "--only", "get-throughput")
    arguments = ("--quick", "--rounds", "1", *cases, "--json", "--output", str(output))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.run", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report == json.loads(output.read_text())
    assert list(report["cases"]) == ["get-throughput", "alone"]
    found = {each["name"]: each["median"] for case in report["cases"].values() for each in case["figures"]}
    assert set(found) == {"gets", "worker busy", "no-op tasks", "p50", "p99"}
    assert all(value > 0 for value in found.values())
    assert found["p50"] <= found["p99"]
    assert set(report["missing"]) == {case.name for case in CASES} - {"alone", "get-throughput"}
