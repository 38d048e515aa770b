"""Explorations with the real executable, as tests: the scenes, the safeguards, refusals, Ctrl-C."""

import pathlib
import re
import signal
import subprocess
import tempfile

from executable import rehearsal, run

# Each is noticed by the scene that watches it; the first word of the rule's line says which rule.
BREAKS = {
    "protection": 1,
    "one-signal": 2,
    "second-look": 3,
    "conditional-write": 4,
    "at-most-one": 4,
    "verify": 4,
    "forget-report": 7,
    "forget-expose": 7,
    "old-reading": 7,
    "hand-over": 7,
    "job-end": 7,
    "clean": 9,
    "never-written": 10,
}


def explore(root: pathlib.Path, *options: str) -> subprocess.CompletedProcess:
    return run(root, "explore", *options)


def scenes_close(root: pathlib.Path) -> bool:
    result = explore(root)
    print(result.stdout + result.stderr, end="")
    return result.returncode == 0 and "every rule held in every order" in result.stdout


def safeguards_are_watched(root: pathlib.Path) -> bool:
    fine = True
    for word, rule in BREAKS.items():
        result = explore(root, "--break", word)
        if result.returncode != 0 or f"noticed: rule {rule}: " not in result.stdout:
            print(result.stdout[-2000:] + result.stderr)
            fine = False
    return fine


def every_word_is_tried(root: pathlib.Path) -> bool:
    listed = explore(root, "--help").stdout
    values = re.search(r"--break <break>.*?values: (.*?)\)", listed, re.DOTALL)
    words = {word.strip() for word in values[1].replace("\n", " ").split(",")} if values else set()
    print(f"    {sorted(words ^ set(BREAKS))} are not in both")
    return words == set(BREAKS)


def counterexample_is_simulated(root: pathlib.Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "verify.txt")
        written = explore(root, "--break", "verify", "--script", str(script))
        print(f"    exit code {written.returncode}, {written.stdout.splitlines()[-1]}")
        broken = run(root, "simulate", "--script", str(script))
        text = script.read_text().replace("break verify\n", "")
        script.write_text(text)
        whole = run(root, "simulate", "--script", str(script))
        script.write_text(text + "watch task-1\n")
        refused = run(root, "simulate", "--script", str(script))
    print(f"    {broken.returncode}, {whole.returncode}, {refused.returncode}: {refused.stderr}")
    return (
        (written.returncode, broken.returncode, whole.returncode) == (0, 1, 0)
        and "\nrule 4 at " in broken.stdout
        and whole.stdout.endswith("every rule held\n")
        and refused.returncode == 2
        and "cannot be simulated" in refused.stderr
    )


def walk_holds(root: pathlib.Path) -> bool:
    result = explore(root, "--walk", "10")
    print(result.stdout + result.stderr, end="")
    return result.returncode == 0


def bad_input_is_refused(root: pathlib.Path) -> bool:
    cases = [
        (["--scene", "none"], "there is no scene none"),
        (["--walk", "0"], "expected 1 to 86400"),
        (["--break", "gravity"], "gravity"),
        (["--break", "verify", "--deep"], "has a scene of its own"),
        (["--walk", "1", "--script", "none"], "writes no --script"),
    ]
    fine = True
    for options, reason in cases:
        result = explore(root, *options)
        if result.returncode != 64 or reason not in result.stderr:
            print(f"    expected 64 and {reason!r}: {result.stderr[-400:]}")
            fine = False
    return fine


def stops_when_interrupted(root: pathlib.Path) -> bool:
    process = subprocess.Popen(
        [rehearsal(root), "explore", "--scene", "two-jobs-slow"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    print(f"    exit code {process.returncode}", flush=True)
    return process.returncode == 130 and "interrupted" in output


ALL = [
    ("Exploration: every scene closes", scenes_close),
    ("Exploration: each safeguard has a scene that notices", safeguards_are_watched),
    ("Exploration: every word of --break is tried", every_word_is_tried),
    ("Exploration: what it finds is played by the simulation", counterexample_is_simulated),
    ("Exploration: a walk by chance", walk_holds),
    ("Exploration: bad input is refused", bad_input_is_refused),
    ("Exploration: Ctrl-C", stops_when_interrupted),
]
