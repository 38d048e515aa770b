"""The rows of the benchmark: what is measured, what is to be reached, and how it is shown.

What is measured is a list of samples for us and for each peer, taken in turns in one run. A row
shows the median and, in brackets, the lowest and the highest; a peer's also how many times ours it
is. The tables of the documents have exactly these rows (`Tests/tidy.py`).
"""

import dataclasses
import pathlib
import re
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = {
    "endpoint": ROOT / "Tests/README.md",
    "task": ROOT / "Tests/README.md",
    "simulation": ROOT / "Tests/README.md",
    "growth": ROOT / "Tests/README.md",
    "policies": ROOT / "Sources/Simulation/README.md",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A figure of one table. `bound` is what is to be reached, in words."""

    table: str
    what: str
    unit: str
    bound: str = ""


ROWS = {
    "cold": Row(
        "endpoint",
        "function: process start to its first answer, calls included",
        "ms",
        "30 ms and the calls",
    ),
    "follow": Row(
        "endpoint",
        "webhook to the service's new count, one at a time, calls included",
        "ms",
        "50 ms and the calls; a poller looks every 10 s",
    ),
    "one": Row(
        "endpoint", "webhooks one at a time, no update needed", "a second", "twice the peer"
    ),
    "one-cpu": Row("endpoint", "processor time of each of them", "ms"),
    "many": Row(
        "endpoint", "webhooks, 16 at once, no update needed", "a second", "five times the peer"
    ),
    "many-cpu": Row("endpoint", "processor time of each of them, 16 at once", "ms"),
    "updates": Row(
        "endpoint", "updates of the service, 16 at once that each need one", "a second", "5"
    ),
    "burst-server": Row("endpoint", "500 at once to one server, until the last 200", "s", "10 s"),
    "burst-server-updates": Row(
        "endpoint", "most updates of the service in a second of it", "", "5"
    ),
    "burst-function": Row(
        "endpoint", "500 at once to 50 processes of the function, until the last 200", "s", "10 s"
    ),
    "burst-function-updates": Row(
        "endpoint", "most updates of the service in a second of that", "", "5"
    ),
    "held": Row(
        "endpoint",
        "what 500 strangers with a body of 1 MB each add to the server",
        "MB",
        "16 MiB of bodies",
    ),
    "rss": Row("task", "sidecar at rest, after TLS, resident", "MB", "18 MB, linked as its image"),
    "anonymous": Row("task", "anonymous memory of it", "MB", "4 MB"),
    "cpu": Row("task", "processor time of it, of one core", "%", "0.1 %"),
    "wakeups": Row("task", "how often it wakes up", "a second", "2"),
    "departure": Row(
        "task",
        "an agent's exit to the update of the service, calls included",
        "ms",
        "20 ms and the calls",
    ),
    "departure-late": Row("task", "the same of 99 in 100", "ms", "100 ms and the calls"),
    "launcher-rss": Row("task", "launcher, resident", "MB", "6 MB"),
    "launcher-file": Row("task", "launcher, its file without symbols", "MB", "8 MB"),
    "launcher-output": Row("task", "the agent's output passed on", "MB/s", "200 MB/s at the least"),
    "boot": Row(
        "task", "our share of a boot: from the pull until the agent may start", "s", "1.5 s"
    ),
    "gap": Row(
        "task",
        "renewed container: an agent's end to the next one's wait for a job",
        "s",
        "3 s and the registration",
    ),
    "calls-dynamodb": Row("task", "calls of DynamoDB for a job", "", "7"),
    "calls-ecs": Row("task", "calls of ECS for a job", "", "1"),
    "renewal": Row(
        "task", "renewal of a container in which a job left 10,000 files", "ms", "300 ms"
    ),
    "service-writes": Row(
        "simulation",
        "1,000 agents with one-minute jobs: write units that their ledger takes",
        "a second",
        "1,000 by DynamoDB",
    ),
    "million": Row(
        "simulation", "1,000,000 jobs over 5,000 agents, of one core's time", "s", "60 s"
    ),
    "million-rss": Row("simulation", "memory of it", "MB", "flat"),
}


@dataclasses.dataclass(frozen=True)
class Series:
    """How a figure grows: its values by what grows."""

    what: str
    by: str
    unit: str


GROWTH = {
    "sidecar-rss": Series("sidecar, resident", "jobs it has seen", "MB"),
    "sidecar-anonymous": Series("anonymous memory of it", "jobs it has seen", "MB"),
    "sidecar-cpu": Series("its processor time for each job since", "jobs it has seen", "ms"),
    "clients": Series("endpoint, webhooks", "clients at once", "a second"),
    "clients-late": Series("the answer of 99 in 100", "clients at once", "ms"),
    "ledger": Series("endpoint, one webhook", "jobs in the ledger", "ms"),
    "renewal": Series("renewal of a container", "files that a job left", "ms"),
    "simulation": Series("simulation, processor time for each job", "agents at the most", "µs"),
    "simulation-rss": Series("simulation, resident", "agents at the most", "MB"),
    "exploration": Series("exploration, states in a second", "states of the scene", "thousands"),
    "exploration-rss": Series("exploration, memory for each state", "states of the scene", "bytes"),
}

POLICIES = {
    "policy": "policy",
    "jobs": "jobs",
    "killedBusy": "killed",
    "lostRuns": "lost runs",
    "waitP50": "wait p50",
    "waitP95": "p95",
    "waitMax": "max",
    "bootsPerJob": "boots/job",
    "agentHours": "agent-hours",
    "idleShare": "idle",
    "costPerRun": "cost/run",
    "callsPerJob": "calls/job",
    "leftRunning": "left",
}


# As text


def number(value: float) -> str:
    """Three figures, or all of a whole number that is larger."""
    if value >= 99.95 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def spread(samples: list[float], unit: str = "") -> str:
    text = number(statistics.median(samples)) + (f" {unit}" if unit else "")
    low, high = number(min(samples)), number(max(samples))
    return text if low == high else f"{text} ({low} to {high})"


def times(ours: list[float], peer: list[float]) -> str:
    one, other = statistics.median(ours), statistics.median(peer)
    if not one or not other:
        return ""
    return (
        f", {number(other / one)} of ours" if other < one else f", {number(other / one)} times ours"
    )


def beside(found: dict, unit: str) -> str:
    return "; ".join(
        f"{name}: {spread(samples, unit)}{times(found['ours'], samples)}"
        for name, samples in found.get("peers", {}).items()
    )


def line(key: str, found: dict) -> str:
    row = ROWS[key]
    text = f"{row.what:72} {spread(found['ours'], row.unit):28}"
    return f"{text} {beside(found, row.unit)}".rstrip()


def growth_line(key: str, found: dict) -> str:
    series = GROWTH[key]
    return f"{series.what:42} by {series.by:24} {points(found, series.unit)}"


def points(found: dict, unit: str) -> str:
    values = "; ".join(f"{int(at):,}: {number(value)}" for at, value in found["points"])
    return f"{values} {unit}"


# As tables of the documents


def table(name: str, result: dict) -> list[str]:
    """The lines of a table. What was not measured has an empty cell."""
    if name == "growth":
        lines = ["| what | by | figures |", "|---|---|---|"]
        for key, series in GROWTH.items():
            found = result["growth"].get(key)
            cell = points(found, series.unit) if found else ""
            lines.append(f"| {series.what} | {series.by} | {cell} |")
        return lines
    if name == "policies":
        lines = [f"| {' | '.join(POLICIES.values())} |", "|" + "---|" * len(POLICIES)]
        return lines + [f"| {' | '.join(policy(of))} |" for of in result["policies"]]
    lines = ["| what | to reach | measured | beside it |", "|---|---|---|---|"]
    for key, row in ROWS.items():
        if row.table != name:
            continue
        found = result["rows"].get(key)
        cells = [spread(found["ours"], row.unit), beside(found, row.unit)] if found else ["", ""]
        lines.append(f"| {row.what} | {row.bound} | {' | '.join(cells)} |")
    return lines


def policy(found: dict) -> list[str]:
    def time(seconds: float) -> str:
        if seconds < 100:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

    shown = {
        "waitP50": time,
        "waitP95": time,
        "waitMax": time,
        "bootsPerJob": "{:.2f}".format,
        "agentHours": "{:,.0f}".format,
        "idleShare": "{:.0%}".format,
        "costPerRun": "${:.4f}".format,
        "callsPerJob": "{:.1f}".format,
        "leftRunning": "{:.1f}".format,
        "policy": str,
    }
    return [shown.get(key, "{:,}".format)(found[key]).replace("%", " %") for key in POLICIES]


def place(name: str) -> re.Pattern:
    """A table of a page, between two comments that name it."""
    return re.compile(
        rf"(<!-- bench {name}: [^\n]*-->\n)(.*?)(<!-- end of bench {name} -->)", re.DOTALL
    )


def write(result: dict) -> None:
    """Puts the tables of what was measured into the documents."""
    for name, page in PAGES.items():
        there = {"growth": result["growth"], "policies": result["policies"]}
        if name in there and not there[name]:
            continue
        missing = [
            key for key, row in ROWS.items() if row.table == name and key not in result["rows"]
        ]
        if missing:
            print(f"the table {name} stays as it was: {', '.join(missing)} not measured")
            continue
        lines = table(name, result)
        lines += ["", f"*{result['made'][name]}*"]
        text, count = place(name).subn(
            lambda match, lines=lines: match[1] + "\n".join(lines) + "\n" + match[3],
            page.read_text(),
        )
        assert count == 1, f"{page} has {count} places for the table {name}"
        page.write_text(text)


def wrong() -> list[str]:
    """Tables of the documents whose rows are not those of the benchmark."""
    faults = []
    empty = {"rows": {}, "growth": {}, "policies": []}
    for name, page in PAGES.items():
        match = place(name).search(page.read_text())
        if match is None:
            faults.append(f"{page.relative_to(ROOT)} has no table {name}")
            continue
        there = [row for row in match[2].splitlines() if row.startswith("|")]
        expected = table(name, empty)
        # Of the policies only the head is known before they are played.
        count, cells = (1, None) if name == "policies" else (len(expected), 3)
        if name != "policies" and len(there) != len(expected):
            faults.append(f"{page.relative_to(ROOT)}: the table {name} has {len(there)} lines")
        for one, other in zip(there[:count], expected[:count], strict=False):
            if one.split("|")[:cells] != other.split("|")[:cells]:
                faults.append(f"{page.relative_to(ROOT)}: {one!r} is not {other!r}")
    return faults
