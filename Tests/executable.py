"""The rehearsal's executable, as the checks of simulation and exploration run it."""

import pathlib
import subprocess

# Longest that one command may take; it gives way to all other work of the machine.
LIMIT_SECONDS = 1800


def rehearsal(root: pathlib.Path) -> pathlib.Path:
    return root / ".build/debug/rehearsal"


def run(root: pathlib.Path, *words: str) -> subprocess.CompletedProcess:
    """Runs one command to its end, and says which and with what exit code."""
    print(f"==> rehearsal {' '.join(words)}", flush=True)
    result = subprocess.run(
        [rehearsal(root), *words],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    print(f"    exit code {result.returncode}", flush=True)
    return result
