"""Runs the checks of images, task definition and Terraform module, and counts them.

    .venv/bin/python Tests/deployment/checks.py [--report FILE] [WORD...]

Each check is a function with a sentence; with words, only those whose sentence has one of them, or
whose file is named so.
Tests/report.py calls it; `Tests/install --tests` installs what is needed.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable

CHECKS: list[tuple[str, Callable[[], None]]] = []


class Skipped(Exception):
    """The machine cannot run this check; says why."""


def check(sentence: str):
    """Registers a function that promises what the sentence says, and raises if it does not hold."""

    def register(function: Callable[[], None]):
        CHECKS.append((sentence, function))
        return function

    return register


def main() -> int:
    # Imported for the checks that they register; in this order they run.
    import caller_checks  # noqa: F401
    import company_checks  # noqa: F401
    import definition_checks  # noqa: F401
    import image_checks  # noqa: F401
    import module_checks  # noqa: F401
    import policy_checks  # noqa: F401
    import pool_checks  # noqa: F401
    import prove_checks  # noqa: F401
    import watch_checks  # noqa: F401

    arguments = sys.argv[1:]
    report = None
    if arguments[:1] == ["--report"]:
        report, arguments = arguments[1], arguments[2:]
    outcomes: dict[str, str | None] = {}
    for sentence, function in CHECKS:
        file = function.__module__
        if arguments and not any(word in sentence or word == file for word in arguments):
            continue
        started = time.monotonic()
        try:
            function()
            outcomes[sentence] = None
            word = "ok"
        except Skipped as reason:
            word = f"skipped ({reason})"
        except Exception:
            outcomes[sentence] = traceback.format_exc()
            word = "FAILED"
            print(outcomes[sentence])
        print(f"    {word}: {sentence} ({time.monotonic() - started:.1f} s)", flush=True)
    if report:
        with open(report, "w") as file:
            json.dump(outcomes, file)
    failures = [text for text in outcomes.values() if text]
    print(f"    {len(outcomes) - len(failures)} held, {len(failures)} did not", flush=True)
    return 1 if failures or not outcomes else 0


if __name__ == "__main__":
    # Run as a program this is another module than the one that the checks import.
    import checks

    sys.exit(checks.main())
