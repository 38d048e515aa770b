"""What simulation and exploration take, and what other systems do with the same runs."""

import json
import re
import resource
import subprocess
import tempfile
import time

from task import footprint

SEEDS = 1000
AGENTS = [100, 1_000, 5_000]
SCENES = ["floor", "edited-three", "edited-floor", "two-jobs"]


def run(folder, *words):
    """What one command prints, the seconds of the processor that it takes, and its memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [folder / "rehearsal", *words], stdin=subprocess.DEVNULL, stdout=output
        )
        kilobytes = 0
        # What the kernel tells at the end is at least what this process has had.
        while process.poll() is None:
            kilobytes = max(kilobytes, footprint.status(process.pid).get("VmHWM", 0))
            time.sleep(0.05)
        if process.returncode != 0:
            raise SystemExit("rehearsal %s ended with %d" % (" ".join(words), process.returncode))
        output.seek(0)
        text = output.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return text, seconds, kilobytes / 1024


def steady(agents):
    """One-job runs over so many agents, in 100 pools at the most, 140 jobs each agent."""
    pools = min(100, agents // 50)
    words = ["--seeds", "1", "--workload", "steady", "--quiet", "--json", "--max", "50"]
    words += ["--runs", str(140 * agents), "--pools", str(pools), "--rate", str(agents * 12 // 5)]
    return words + ["--plan-seconds", "600", "--apply-seconds", "600"]


def measure(folder):
    """Yields each row's key with what was found."""
    text, _, _ = run(folder, "simulate", "--growth", "--quiet")
    yield "service-writes", service(text)
    text, seconds, megabytes = run(folder, "simulate", *steady(5_000))
    jobs = json.loads(text)["policies"][0]["jobs"]
    # As many runs as come out at nearly a million jobs.
    yield "million", {"ours": [seconds * 1e6 / jobs]}
    yield "million-rss", {"ours": [megabytes]}


def service(text):
    """Write units a second of 1,000 agents in single mode, and of one item for everything."""
    for row in text.splitlines():
        words = row.replace(",", "").split()
        if words[:2] == ["1000", "single"]:
            return {"ours": [float(words[5])], "peers": {"one item": [float(words[-1])]}}
    raise SystemExit("no row of 1,000 agents in:\n" + text)


def policies(folder):
    """The figures of each policy over the same seeds."""
    words = ["--seeds", str(SEEDS), "--policy", "all", "--cold-seconds", "0", "--quiet", "--json"]
    return json.loads(run(folder, "simulate", *words)[0])["policies"]


def growth(folder):
    """Yields each series' key with its points: by agents, and by states."""
    times, memory = [], []
    for agents in AGENTS:
        text, seconds, megabytes = run(folder, "simulate", *steady(agents))
        jobs = json.loads(text)["policies"][0]["jobs"]
        times.append((agents, 1e6 * seconds / jobs))
        memory.append((agents, megabytes))
    yield "simulation", {"points": times}
    yield "simulation-rss", {"points": memory}
    rates, sizes = [], []
    for scene in SCENES:
        text, seconds, megabytes = run(folder, "explore", "--quiet", "--scene", scene)
        states = int(re.search(rf"^{scene} +([\d,]+)", text, re.MULTILINE)[1].replace(",", ""))
        rates.append((states, states / seconds / 1000))
        sizes.append((states, megabytes * (1 << 20) / states))
    yield "exploration", {"points": sorted(rates)}
    yield "exploration-rss", {"points": sorted(sizes)}
