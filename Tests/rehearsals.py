"""Rehearsals with the real executables, as tests: each plays runs and looks at the outcome."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import metrics

# Longest that one rehearsal may take; the machine may be busy with other work, and what a fault
# leaves in the ledger may have to wait for five minutes.
LIMIT_SECONDS = 600

# ECS restarts no container that ran for less than the restart attempt period, which a rehearsal
# shortens from 60 s to 1 s.
RESTART_PERIOD_SECONDS = 2

SIDECAR_STARTED = re.compile(r"task (\S+)\s+agent-sidecar started, pid (\d+)")
FUNCTION_STARTED = re.compile(r"endpoint\s+scale-up-lambda started, pid (\d+)")
PROTECTION_RULE = 1
ONE_SIGNAL_RULE = 2
NOTHING_LEFT_RULE = 9

# Faults that leave nothing in the ledger which takes minutes to be dropped, as a sidecar does that
# is killed before ECS would start it again: `Tests/run --chaos` plays all kinds.
QUICK_FAULTS = "kill-agent,kill-endpoint,bad-end,freeze,call"

ENDS = ["--chaos", "--faults", "end-service", "--fault-seconds", "20"]

RENEWED = re.compile(r"^(\d+) containers renewed, (\d+) spoiled$")
NOTHING_FOUND = "0 jobs found what an earlier one of their container had left"
MAX_JOBS = 2

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


def finish(process: subprocess.Popen, watch=lambda line: None, expected: int = 0) -> bool:
    """Follows the timeline to its end; shows its last lines, or all of it when it ended otherwise
    than expected."""
    lines = []
    deadline = time.monotonic() + LIMIT_SECONDS
    for line in process.stdout:
        lines.append(line)
        watch(line)
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGTERM)
    code = process.wait()
    print("".join(lines[-30:] if code == expected else lines), end="")
    print(f"    exit code {code}", flush=True)
    return code == expected


def plays(*options: str):
    return lambda root: finish(play(root, *options))


def tells_its_status(root: pathlib.Path) -> bool:
    """Asks for status and doctor in the task that works, as a person does who is in its sidecar."""
    sidecars: dict[str, int] = {}
    told: list[bool] = []

    def ask(pid: int, *words: str) -> str:
        entries = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        command = [root / ".build/debug/agent-sidecar", *words]
        environment = dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)
        answer = subprocess.run(command, env=environment, capture_output=True, text=True)
        return answer.stdout + answer.stderr

    def watch(line: str) -> None:
        if match := SIDECAR_STARTED.search(line):
            sidecars[match[1]] = int(match[2])
        if not (match := JOB_RECEIVED.search(line)):
            return
        task, job = match.groups()
        deadline = time.monotonic() + 5
        # The sidecar's report of the job is on its way.
        while time.monotonic() < deadline:
            status = json.loads(ask(sidecars[task], "status", "--json"))
            mine = [a for a in status["agents"] if a["task"].startswith(task)]
            if mine and mine[0].get("job") == job:
                break
        page = ask(sidecars[task], "status")
        print(page, ask(sidecars[task], "doctor"))
        checks = json.loads(ask(sidecars[task], "doctor", "--json"))["checks"]
        bad = {c["name"] for c in checks if c["severity"] in ("doubtful", "faulty")}
        sound = {c["name"] for c in checks if c["severity"] == "sound"}
        told.append(
            [(a["does"], a["state"]) for a in mine] == [("works", "RUNNING")]
            and status["counts"]["desired"] == status["ledger"]["size"] == 1
            and not status["concerns"]
            and not status["failed_starts"]
            and len(status["departures"]) == len(told)
            and job in page
            and max(map(len, page.splitlines())) <= 80
            # The local cloud denies nothing, so that runs may do more than they should.
            and bad == {"permissions.write_limits", "permissions.write_elsewhere"}
            and {"service.maximum_percent", "ledger.readable", "terraform.address"} <= sound
        )

    return finish(play(root, "--seed", "1"), watch) and told == [True, True]


def loses_no_run_when_a_sidecar_is_killed(root: pathlib.Path) -> bool:
    """Kills the sidecar of the first task that receives a job, while it works."""
    sidecars: dict[str, int] = {}
    kills: list[threading.Timer] = []
    restarts: list[str] = []

    def watch(line: str) -> None:
        if match := SIDECAR_STARTED.search(line):
            sidecars[match[1]] = int(match[2])
        if (match := JOB_RECEIVED.search(line)) and not kills:
            kill = (sidecars[match[1]], signal.SIGKILL)
            kills.append(threading.Timer(RESTART_PERIOD_SECONDS, os.kill, kill))
            kills[0].start()
        if "agent-sidecar restarted" in line:
            restarts.append(line)

    options = ["--runs", "2", "--max", "2", "--plan-seconds", "6", "--apply-seconds", "6"]
    return finish(play(root, *options), watch) and len(restarts) == 1


def loses_no_run_when_the_function_is_killed(root: pathlib.Path) -> bool:
    """Kills the Lambda function once a job runs; the apply's call needs the next one."""
    functions: list[int] = []

    def watch(line: str) -> None:
        if match := FUNCTION_STARTED.search(line):
            functions.append(int(match[1]))
        if JOB_RECEIVED.search(line) and len(functions) == 1:
            os.kill(functions[0], signal.SIGKILL)

    return finish(play(root, "--endpoint", "lambda", "--seed", "7"), watch) and len(functions) == 2


def leaves_nothing_behind_after_an_interrupt(root: pathlib.Path) -> bool:
    """Interrupts a rehearsal while an agent works, then looks for its processes and files."""
    process = play(root, "--plan-seconds", "60")
    pids: list[str] = []
    folders: list[pathlib.Path] = []

    def watch(line: str) -> None:
        pids.extend(re.findall(r"pid (\d+)", line))
        folders.extend(map(pathlib.Path, re.findall(r"/tmp/rehearsal-\w+", line)))
        if JOB_RECEIVED.search(line):
            process.send_signal(signal.SIGINT)

    finish(process, watch)
    left = [pid for pid in pids if is_running(pid)] + [path for path in folders if path.exists()]
    print(f"    of {len(pids)} processes and {len(folders)} folders left: {left}", flush=True)
    return process.returncode == 130 and len(pids) >= 4 and len(folders) >= 1 and not left


def renews_between_jobs(root: pathlib.Path) -> bool:
    """A task's second job has an agent of its own in the container of the first, finds nothing of
    it, and is the task's last one."""
    jobs: dict[str, list[str]] = {}
    lines: list[str] = []

    def watch(line: str) -> None:
        lines.append(line.strip())
        if match := JOB_RECEIVED.search(line):
            jobs.setdefault(match[1], []).append(match[2])

    options = ["--mode", "renewed", "--max-jobs", str(MAX_JOBS), "--runs", "3", "--max", "2"]
    held = finish(play(root, *options, "--seed", "4"), watch)
    renewed = [match for line in lines if (match := RENEWED.match(line))]
    counts = sorted(len(all) for all in jobs.values())
    print(f"    jobs of each task: {counts}", flush=True)
    return (
        held
        and len(renewed) == 1
        and int(renewed[0][1]) >= 1
        and renewed[0][2] == "0"
        and NOTHING_FOUND in lines
        and counts[-1] == MAX_JOBS
    )


def survives_faults(root: pathlib.Path) -> bool:
    """Plays seeds in all modes with floors of 0 and 2, all at once: each mostly waits."""
    options = ["--chaos", "--faults", QUICK_FAULTS, "--fault-seconds", "25"]
    cases = [
        ["--seed", "7", "--mode", "single"],
        ["--seed", "5", "--mode", "single", "--desired-count", "2"],
        ["--seed", "6", "--mode", "renewed"],
        ["--seed", "3", "--mode", "shared", "--tfe-token"],
        ["--seed", "4", "--mode", "shared", "--desired-count", "2", "--endpoint", "lambda"],
    ]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        return all(pool.map(lambda case: finish(play(root, *options, *case)), cases))


def is_told_by_its_lines(*options: str, proves: set[int]):
    """Keeps the logs of a rehearsal; holds them against what CloudWatch takes, and what an audit
    makes of them against the rehearsal's own table. Of the rules in `proves` it must be able to
    tell."""

    def rehearse(root: pathlib.Path) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            shown: list[str] = []
            if not finish(play(root, "--keep", folder, *options), shown.append):
                return False
            lines = metrics.told(pathlib.Path(folder))
            wrong = [(line, found) for line in lines if (found := metrics.faults(line))]
            for line, found in wrong[:5]:
                print(f"    {found}: {line}")
            embedded = sum('"_aws":' in line for line in lines)
            print(f"    {len(lines)} lines, {embedded} with metrics, {len(wrong)} are wrong")
            differences = list(differ("".join(shown), lines, audited(root, folder), proves))
            for difference in differences:
                print(f"    the audit differs: {difference}")
            return not wrong and not differences and embedded > 10

    return rehearse


def audited(root: pathlib.Path, folder: str) -> dict:
    """What the audit makes of kept logs; its exit code says whether a promise was broken."""
    files = sorted(map(str, pathlib.Path(folder).glob("*.log")))
    done = subprocess.run(
        [root / ".build/debug/agent-sidecar", "audit", "--json", *files],
        stdout=subprocess.PIPE,
        text=True,
    )
    report = json.loads(done.stdout)
    broken = any(rule["verdict"] == "broken" for rule in report["rules"])
    assert done.returncode == int(broken), done.returncode
    return report


def differ(timeline: str, lines: list[str], report: dict, proves: set[int]):
    """Where the audit says otherwise than the rehearsal, which saw it from outside."""
    table = re.search(r"(\d+) runs, (\d+) jobs, (\d+) tasks started", timeline)
    jobs, tasks = int(table[2]), int(table[3])
    worked = [job for job in report["jobs"] if job["task"]]
    if len(worked) != jobs:
        yield f"{len(worked)} jobs, and there were {jobs}"
    if report["tasks"] != tasks:
        yield f"{report['tasks']} tasks, and there were {tasks}"
    lost = len(re.findall(r"^        \S+ on \S+: ", timeline, re.MULTILINE))
    if sum(job["isLost"] for job in report["jobs"]) != lost:
        yield f"{sum(job['isLost'] for job in report['jobs'])} lost jobs, and there were {lost}"
    holds = {int(n) for n in re.findall(r"^holds   rule (\d+):", timeline, re.MULTILINE)}
    for rule in report["rules"]:
        if rule["verdict"] == "broken" and rule["rule"] in holds:
            yield f"rule {rule['rule']} is broken: {rule['why']}"
        if rule["rule"] in proves and rule["verdict"] == "cannot tell":
            yield f"rule {rule['rule']} cannot be told: {rule['why']}"
    # The same wait by two clocks, the sidecar's and that of the ledger's entry.
    waits = metrics.values(lines, "JobWait")
    longest = max((job["waitSeconds"] or 0 for job in worked), default=0)
    if not waits or abs(max(waits) - longest) > 2:
        yield f"the longest wait is {longest} s, and the metric says {max(waits, default=None)}"


def breaks(what: str, rule: int, *options: str):
    """Undoes a safeguard: the rehearsal has to fail, by the rule of that number."""

    def rehearse(root: pathlib.Path) -> bool:
        lines: list[str] = []
        process = play(root, "--break", what, *options)
        failed = finish(process, lines.append, expected=1)
        return failed and any(line.startswith(f"BROKEN  rule {rule}: ") for line in lines)

    return rehearse


def is_running(pid: str) -> bool:
    """A zombie is no longer running: it waits for its parent to take its exit code."""
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


ALL = [
    (
        "one run, single-job mode, whose lines CloudWatch takes and an audit understands",
        is_told_by_its_lines("--seed", "1", proves={1, 4, 5, 6, 9}),
    ),
    ("one run, single-job mode, and what status and doctor say of it", tells_its_status),
    ("twenty runs at most five agents", plays("--runs", "20", "--max", "5", "--seed", "2")),
    ("a floor of two agents", plays("--runs", "4", "--desired-count", "2", "--seed", "3")),
    (
        "agents that take many jobs, whose lines CloudWatch takes and an audit understands",
        is_told_by_its_lines("--runs", "6", "--mode", "shared", "--seed", "4", proves={1, 2, 4, 6}),
    ),
    ("a fresh agent for each job, in a container that is made as it was", renews_between_jobs),
    ("runs that are cancelled or fail", plays("--runs", "8", "--mixed", "--seed", "5")),
    (
        "twenty runs through a Lambda function",
        plays("--endpoint", "lambda", "--runs", "20", "--max", "5", "--seed", "6"),
    ),
    (
        "three pools behind one endpoint, and notifications that come late, twice or never",
        plays("--pools", "3", "--runs", "6", "--mixed", "--notifications", "--seed", "10"),
    ),
    (
        "three pools behind one Lambda function, with an API token",
        plays("--pools", "3", "--tfe-token", "--endpoint", "lambda", "--seed", "11"),
    ),
    ("a killed Lambda function loses no run", loses_no_run_when_the_function_is_killed),
    ("a killed sidecar loses no run", loses_no_run_when_a_sidecar_is_killed),
    ("faults of five seeds cost nothing but what they take themselves", survives_faults),
    (
        "a service that ends while its agents work, single-job mode",
        plays(*ENDS, "--seed", "1", "--plan-seconds", "12"),
    ),
    (
        "a service that ends while its agents work, agents that take many jobs",
        plays(*ENDS, "--seed", "4", "--mode", "shared"),
    ),
    (
        "the rules notice an ECS that does not protect, single-job mode",
        breaks("protection", PROTECTION_RULE, "--seed", "8"),
    ),
    (
        "the rules notice an ECS that does not protect, agents that take many jobs",
        breaks("protection", PROTECTION_RULE, "--seed", "9", "--mode", "shared"),
    ),
    (
        "the rules notice a second stop signal, single-job mode",
        breaks("one-signal", ONE_SIGNAL_RULE, "--seed", "8"),
    ),
    (
        "the rules notice a second stop signal, agents that take many jobs",
        breaks("one-signal", ONE_SIGNAL_RULE, "--seed", "9", "--mode", "shared"),
    ),
    (
        "the rules notice a renewal that leaves something",
        breaks("clean", NOTHING_LEFT_RULE, "--seed", "8"),
    ),
    ("an interrupt leaves nothing behind", leaves_nothing_behind_after_an_interrupt),
]
