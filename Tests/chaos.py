"""Plays many seeds with faults, several rehearsals at a time, and says how each ended.

Tests/run --chaos                      ten seeds, all modes, floors of 0 and 2
Tests/run --chaos --seeds 3 --first 7  seeds 7 to 9
Tests/run --chaos -- --tfe-token       the rest goes to every `rehearsal play`
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TITLE = re.compile(r"^BROKEN {2}(.*)$", re.MULTILINE)
LOST = re.compile(r"^(\d+) job\(s\) lost to the seed", re.MULTILINE)
TOTALS = re.compile(r"^(\d+ runs, \d+ jobs, .*)$", re.MULTILINE)


LOCK = threading.Lock()
RUNNING: set[subprocess.Popen] = set()
STOPPED: list[int] = []


def stop(number: int, frame) -> None:
    """Each rehearsal ends its processes when it is told to; nothing new is started."""
    with LOCK:
        STOPPED.append(number)
        for process in RUNNING:
            process.terminate()


def play(bin: pathlib.Path, folder: pathlib.Path, case: tuple, rest: list[str]) -> tuple:
    """Plays one seed; its output and its processes' logs stay in the folder."""
    seed, mode, floor = case
    name = f"seed {seed}, {mode}, floor {floor}"
    path = folder / name.replace(", ", "-").replace(" ", "-")
    command = [bin / "rehearsal", "play", "--chaos", "--seed", str(seed), "--mode", mode]
    command += ["--desired-count", str(floor), "--keep", str(path), *rest]
    started = time.monotonic()
    text = folder / f"{path.name}.txt"
    with LOCK, text.open("w") as file:
        if STOPPED:
            return name, False
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
        RUNNING.add(process)
    code = process.wait()
    with LOCK:
        RUNNING.discard(process)
    output = text.read_text(errors="replace")
    lost = LOST.search(output)
    words = [f"{time.monotonic() - started:4.0f} s"]
    words += [totals[1] for totals in TOTALS.finditer(output)]
    words.append(f"{lost[1] if lost else 0} lost to the seed")
    words += [f"BROKEN: {title}" for title in TITLE.findall(output)]
    print(f"{'fine  ' if code == 0 else 'FAILED'}  {name}: {'; '.join(words)}", flush=True)
    return name, code == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="Tests/run --chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds (10)")
    parser.add_argument("--first", type=int, default=1, help="the first one (1)")
    parser.add_argument("--modes", default="single,renewed,shared", help="single,renewed,shared")
    parser.add_argument("--floors", default="0,2", help="desired counts (0,2)")
    parser.add_argument(
        "--at-once",
        type=int,
        default=3 * (os.cpu_count() or 1),
        help="rehearsals at the same time: most of their time they wait (3 for each core)",
    )
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/debug")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / ".build/chaos")
    parser.add_argument("rest", nargs="*", help="options for `rehearsal play`, after --")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    options.logs.mkdir(parents=True, exist_ok=True)
    cases = [
        (seed, mode, int(floor))
        for seed in range(options.first, options.first + options.seeds)
        for mode in options.modes.split(",")
        for floor in options.floors.split(",")
    ]
    print(f"==> {len(cases)} rehearsals, {options.at_once} at once; output in {options.logs}")
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        results = list(
            pool.map(lambda case: play(options.bin, options.logs, case, options.rest), cases)
        )
    failed = [name for name, fine in results if not fine]
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
