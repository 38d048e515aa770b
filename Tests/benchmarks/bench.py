"""Measures what the documents say, beside what it is compared with, in one run; see Tests/bench."""

import argparse
import datetime
import json
import os
import pathlib
import time

import endpoint
import rows
import simulation
import task

PARTS = {"endpoint": endpoint, "task": task, "simulation": simulation}


def machine() -> str:
    """What it was measured on."""
    cpus = os.cpu_count()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{cpus} x {line.partition(':')[2].strip()}"
    return f"{cpus} processors"


def made(started: float) -> str:
    """How a table came about, in a sentence under it."""
    load = os.getloadavg()[0]
    date = datetime.date.today().isoformat()
    minutes = (time.monotonic() - started) / 60
    return (
        f"Made by `Tests/bench` on {date}: {machine()}, load at its end "
        f"{load:.1f}, {minutes:.1f} minutes. Medians, with the lowest and the highest."
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("parts", nargs="*", help=f"only some of {', '.join(PARTS)}")
    options.add_argument("--growth", action="store_true", help="what grows, instead")
    options.add_argument("--tables", action="store_true", help="only writes the tables")
    folder = rows.ROOT / ".build-benchmark"
    options.add_argument("--bin", type=pathlib.Path, default=folder / "bin")
    options.add_argument("--json", type=pathlib.Path, default=folder / "bench.json")
    chosen = options.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        options.error(f"no part is called {', '.join(unknown)}")
    result = {"made": {}, "rows": {}, "growth": {}, "policies": []}
    if chosen.json.exists():
        result = json.loads(chosen.json.read_text())
    if chosen.tables:
        rows.write(result)
        return
    for part in chosen.parts or PARTS:
        started = time.monotonic()
        if chosen.growth:
            for key, found in PARTS[part].growth(chosen.bin.resolve()):
                result["growth"][key] = found
                print(rows.growth_line(key, found), flush=True)
            result["made"]["growth"] = made(started)
        else:
            for key, found in PARTS[part].measure(chosen.bin.resolve()):
                result["rows"][key] = found
                print(rows.line(key, found), flush=True)
            result["made"][part] = made(started)
        if part == "simulation" and not chosen.growth:
            result["policies"] = simulation.policies(chosen.bin.resolve())
            result["made"]["policies"] = made(started)
            print("\n".join(rows.table("policies", result)), flush=True)
        # After each part, so that what is done is not lost.
        chosen.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
