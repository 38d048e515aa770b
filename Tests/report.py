"""Runs the project's checks in order and counts them. Called by Tests/run."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import explorations
import rehearsals
import simulations
import tidy

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Longest that one step may take; the build of everything is the longest.
LIMIT_SECONDS = 20 * 60
# Both images are built for release.
IMAGES_LIMIT_SECONDS = 40 * 60
FORMAT = ["swift", "format", "lint", "--strict", "--recursive", "Sources", "Tests", "Package.swift"]
# Suites of real processes, real seconds or many seeds: the quick run leaves them out.
SLOW_SUITES = [
    "AgentTests",
    "BudgetTests",
    "DeploymentTests",
    "FunctionProcessTests",
    "LedgerPropertyTests",
    "LinkTests",
    "MotoCountingTests",
    "MotoTests",
    "OutputTests",
    "ParameterTests",
    "PolicyTests",
    "RestartTests",
    "SafetyTests",
    "ScriptExplorationTests",
    "ServerProcessTests",
    "ServicePropertyTests",
    "SidecarProcessTests",
    "SlowClientTests",
    "StrangerTests",
]
BUILD = ["swift", "build", "--build-tests", "--explicit-target-dependency-import-check", "error"]

Check = tuple[str, Callable[[pathlib.Path], bool]]


class Report:
    """Counts what passed and remembers what failed."""

    def __init__(self) -> None:
        self.passed = 0
        self.failures: list[str] = []

    def note(self, name: str, fine: bool) -> bool:
        if fine:
            self.passed += 1
        else:
            self.failures.append(name)
        return fine

    def add(self, outcomes: list[tuple[str, bool]]) -> None:
        for name, fine in outcomes:
            self.note(name, fine)

    def close(self) -> int:
        for failure in self.failures:
            print(f"FAILED {failure}")
        print(f"{self.passed} passed, {len(self.failures)} failed", flush=True)
        return 1 if self.failures else 0


def run(name: str, command: list[str], limit: int = LIMIT_SECONDS, **options) -> bool:
    """Runs one command, lets its output through, and says how long it took."""
    print(f"==> {name}: {' '.join(command)}", flush=True)
    started = time.monotonic()
    try:
        result = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=limit, **options
        )
        end = f"exit code {result.returncode}"
    except subprocess.TimeoutExpired:
        result = None
        end = "killed"
    print(f"    {name}: {end} after {time.monotonic() - started:.0f} s", flush=True)
    return result is not None and result.returncode == 0


def swift_tests(report: Report, filters: list[str], left_out: list[str]) -> None:
    """Counts each Swift test by the report that the runner writes."""
    with tempfile.TemporaryDirectory() as folder:
        # One after the other: many tests watch a clock, real processes or real sockets, and on
        # two cores a property test beside them would make them late.
        command = ["swift", "test", "--skip-build", "--disable-xctest", "--no-parallel"]
        command += ["--xunit-output", str(pathlib.Path(folder) / "report.xml")]
        for pattern in filters:
            command += ["--filter", pattern]
        for suite in left_out:
            command += ["--skip", rf"\.{suite}/"]
        environment = dict(os.environ, TEST_PYTHON=str(ROOT / ".venv/bin/python"))
        fine = run("Swift tests", command, env=environment)
        cases = []
        for path in pathlib.Path(folder).glob("*.xml"):
            try:
                cases += ElementTree.parse(path).iter("testcase")
            except ElementTree.ParseError:
                # The runner crashed: the last test that it printed as started did it.
                report.note("Swift tests: the runner did not finish its report", False)
    failed = [case for case in cases if case.find("failure") is not None]
    for case in cases:
        report.note(f"{case.get('classname')}: {case.get('name')}", case not in failed)
    if not cases:
        report.note("Swift tests: none was counted", False)
    elif not fine and not failed:
        report.note("Swift tests: the runner failed", False)


def deployment(name: str, files: list[str]) -> list[tuple[str, bool]]:
    """What came of each check of images, task definition and Terraform module in these files."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.json"
        command = [".venv/bin/python", "Tests/deployment/checks.py", "--report", str(path), *files]
        run(name, command, IMAGES_LIMIT_SECONDS)
        outcomes = json.loads(path.read_text()) if path.exists() else {}
    if not outcomes:
        return [(f"{name}: no check came to its end", False)]
    return [(f"{name}: {sentence}", failure is None) for sentence, failure in outcomes.items()]


def fuzzes(root: pathlib.Path) -> bool:
    return run("Fuzzing the endpoint", ["Tests/fuzz", "20"])


# What computes, and watches no clock.
COMPUTING = [
    ("libFuzzer finds what is planted, and nothing else in 20 seconds", fuzzes),
    *simulations.ALL,
    *explorations.ALL,
]


def hold(checks: list[Check], at_once: int) -> list[tuple[str, bool]]:
    """What came of checks, so many of them at a time; says how long each took."""

    def outcome(check: Check) -> tuple[str, bool]:
        name, holds = check
        started = time.monotonic()
        try:
            fine = holds(ROOT)
        except Exception:
            fine = False
            traceback.print_exc()
        word = "ok" if fine else "FAILED"
        print(f"    {word}: {name} ({time.monotonic() - started:.0f} s)", flush=True)
        return name, fine

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(outcome, checks))


def step_back() -> None:
    """From now on this process, and what it starts, has a core mostly while nobody else wants it.
    Not only then: on a machine with other work it would not come to its end."""
    os.nice(10)


def build_images() -> None:
    # The checks of the images find them built, or build them again and say what fails.
    run("Images", [".venv/bin/python", "Tests/deployment/images.py"], IMAGES_LIMIT_SECONDS)


def compute() -> list[tuple[str, bool]]:
    files = sorted(path.stem for path in ROOT.glob("Tests/deployment/*_checks.py"))
    files.remove("image_checks")
    return deployment("Deployment", files) + hold(COMPUTING, 1)


def everything(report: Report) -> None:
    """Tests and rehearsals mostly wait, and watch clocks; what computes does it in their pauses."""
    with concurrent.futures.ProcessPoolExecutor(1, initializer=step_back) as pool:
        images = pool.submit(build_images)
        computing = pool.submit(compute)
        swift_tests(report, [], [])
        # For boots and limits: two at a time are in nobody's way.
        report.add(hold(rehearsals.ALL, 2))
        images.result()
        report.add(deployment("Images", ["image_checks"]))
        report.add(computing.result())


def unknown(suites: list[str]) -> list[str]:
    """Those that no test file defines, and which would silently leave out nothing."""
    sources = "".join(path.read_text() for path in ROOT.glob("Tests/*Tests/*.swift"))
    return [suite for suite in suites if not re.search(rf"\b(struct|class) {suite}\b", sources)]


def main() -> int:
    report = Report()
    filters = sys.argv[1:]
    is_quick = filters == ["--quick"]
    if is_quick:
        filters = []
    if options := [word for word in filters if word.startswith("-")]:
        print(f"Tests/run takes no {options[0]} here; its first lines say what it takes.")
        return 64
    report.note("Format", run("Format", FORMAT))
    if report.note("Build", run("Build", BUILD)):
        if not filters:
            for name, holds in tidy.ALL:
                report.note(name, holds(ROOT))
        if gone := unknown(SLOW_SUITES):
            report.note(f"Swift tests: slow suites that are not there: {', '.join(gone)}", False)
        if filters or is_quick:
            swift_tests(report, filters, SLOW_SUITES if is_quick else [])
        else:
            everything(report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
