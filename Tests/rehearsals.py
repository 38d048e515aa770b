"""Rehearsals with the real executables, as tests: each plays runs and looks at the outcome."""

import os
import pathlib
import re
import signal
import subprocess
import time

# Longest that one rehearsal may take; the machine may be busy with other work.
LIMIT_SECONDS = 300

SIDECAR_STARTED = re.compile(r"task (\S+)\s+agent-sidecar started, pid (\d+)")
JOB_RECEIVED = re.compile(r"task (\S+)\s+\S+ received (\S+)")


def play(root: pathlib.Path, *options: str) -> subprocess.Popen:
    print(f"==> rehearsal play {' '.join(options)}", flush=True)
    return subprocess.Popen(
        [root / ".build/debug/rehearsal", "play", *options],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def finish(process: subprocess.Popen, watch=lambda line: None) -> bool:
    """Follows the timeline to its end; shows its last lines, or all of it when it failed."""
    lines = []
    deadline = time.monotonic() + LIMIT_SECONDS
    for line in process.stdout:
        lines.append(line)
        watch(line)
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGTERM)
    code = process.wait()
    print("".join(lines if code else lines[-30:]), end="")
    print(f"    exit code {code}", flush=True)
    return code == 0


def plays(*options: str):
    return lambda root: finish(play(root, *options))


def loses_no_run_when_a_sidecar_is_killed(root: pathlib.Path) -> bool:
    """Kills the sidecar of the first task that receives a job, while it works."""
    sidecars: dict[str, int] = {}
    killed: list[str] = []

    def watch(line: str) -> None:
        if match := SIDECAR_STARTED.search(line):
            sidecars[match[1]] = int(match[2])
        if (match := JOB_RECEIVED.search(line)) and not killed:
            os.kill(sidecars[match[1]], signal.SIGKILL)
            killed.append(match[1])

    options = ["--runs", "2", "--max", "2", "--plan-seconds", "6", "--apply-seconds", "6"]
    return finish(play(root, *options), watch) and len(killed) == 1


def leaves_nothing_behind_after_an_interrupt(root: pathlib.Path) -> bool:
    """Interrupts a rehearsal while an agent works, then looks for its processes and files."""
    process = play(root, "--plan-seconds", "60")

    def watch(line: str) -> None:
        if JOB_RECEIVED.search(line):
            process.send_signal(signal.SIGINT)

    finish(process, watch)
    left = [
        entry.name
        for entry in pathlib.Path("/proc").iterdir()
        if entry.name.isdigit() and f"REHEARSAL_PARENT={process.pid}" in environment(entry)
    ]
    folders = list(pathlib.Path("/tmp").glob("rehearsal-*"))
    print(f"    processes left: {left}, folders left: {folders}", flush=True)
    return process.returncode == 130 and not left and not folders


def environment(entry: pathlib.Path) -> list[str]:
    try:
        return (entry / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


ALL = [
    ("one run, single-job mode", plays("--seed", "1")),
    ("twenty runs at most five agents", plays("--runs", "20", "--max", "5", "--seed", "2")),
    ("a floor of two agents", plays("--runs", "4", "--desired-count", "2", "--seed", "3")),
    ("agents that take many jobs", plays("--runs", "6", "--mode", "reuse", "--seed", "4")),
    ("runs that are cancelled or fail", plays("--runs", "8", "--mixed", "--seed", "5")),
    ("a killed sidecar loses no run", loses_no_run_when_a_sidecar_is_killed),
    ("an interrupt leaves nothing behind", leaves_nothing_behind_after_an_interrupt),
]
