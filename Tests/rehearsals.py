"""Rehearsals with the real executables, as tests: each plays runs and looks at the outcome."""

import concurrent.futures
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections import defaultdict

import metrics

# Longest that one rehearsal may take; the machine may be busy with other work, and what a fault
# leaves in the ledger may have to wait for five minutes.
LIMIT_SECONDS = 600

# Between the sweeps of a rehearsed Lambda function.
SWEEP_SECONDS = 3

# ECS restarts no container that ran for less than the restart attempt period, which a rehearsal
# shortens from 60 s to 1 s.
RESTART_PERIOD_SECONDS = 2

SIDECAR_STARTED = re.compile(r"task (\S+)\s+agent-sidecar started, pid (\d+)")
SERVER_STARTED = re.compile(r"(endpoint)\s+scale-up-server started, pid (\d+)")
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

# Half of the tasks, since the machine may be busy; the pull of images before it is none of ours.
AGENT_STARTED = re.compile(r"^from a task's first container to its agent (\S+) s, \S+ s$")
AGENT_START_SECONDS = 1.5

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


def environment_of(pid: int) -> dict[str, str]:
    entries = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)


def ask(root: pathlib.Path, pid: int, *words: str) -> str:
    """What the sidecar's program tells whoever asks with the environment of this process."""
    command = [root / ".build/debug/agent-sidecar", *words]
    answer = subprocess.run(command, env=environment_of(pid), capture_output=True, text=True)
    return answer.stdout + answer.stderr


def told_by(folder: str, event: str) -> dict:
    """The first line of this event in a rehearsal's logs."""
    # The last line of a log may still be on its way.
    whole = (line for line in metrics.told(pathlib.Path(folder)) if line.endswith("}"))
    return next(line for line in map(json.loads, whole) if line["event"] == event)


def checked(root: pathlib.Path, pid: int, *words: str) -> dict[str, list[dict]]:
    """A doctor's checks by what they came to."""
    found = defaultdict(list)
    for check in json.loads(ask(root, pid, "doctor", "--json", *words))["checks"]:
        found[check["severity"]].append(check)
    return found


# A rehearsal has no alarms, and images that nobody pulls.
NO_ALARMS = {"operation.alarms"}
UNTOLD = {"start.image": "in another registry than ECR"}


def tells_its_status(root: pathlib.Path) -> bool:
    """Asks for status and doctor in the task that works, as a person does who is in its sidecar;
    and for the doctor beside the endpoint, as a person does who has every right."""
    pids: dict[str, int] = {}
    told: list[bool] = []

    # Until the first agent leaves, nobody has written on a condition.
    early = {"operation.versions": "no sidecar has written the ledger yet"}

    def is_as_expected(found: dict, untold: dict[str, str], least: int) -> bool:
        bad = {check["name"] for check in found["doubtful"] + found["faulty"]}
        reasons = {check["name"]: check["found"] for check in found["cannot tell"]}
        print(f"    {len(found['sound'])} are sound; bad: {bad}; not told: {reasons}")
        if not told and reasons.keys() & early:
            untold = untold | early
        return (
            bad == NO_ALARMS
            and reasons.keys() == untold.keys()
            and all(why in reasons[name] for name, why in untold.items())
            and len(found["sound"]) >= least
        )

    def watch(folder: str, line: str) -> None:
        if match := SIDECAR_STARTED.search(line) or SERVER_STARTED.search(line):
            pids[match[1]] = int(match[2])
        if not (match := JOB_RECEIVED.search(line)):
            return
        task, job = match.groups()
        deadline = time.monotonic() + 5
        # The sidecar's report of the job is on its way.
        while time.monotonic() < deadline:
            status = json.loads(ask(root, pids[task], "status", "--json"))
            mine = [a for a in status["agents"] if a["task"].startswith(task)]
            if mine and mine[0].get("job") == job:
                break
        page = ask(root, pids[task], "status")
        url = f"http://127.0.0.1:{told_by(folder, 'listening')['port']}/"
        workspace = told_by(folder, "job_announced")["workspace"]
        words = ["--url", url, "--workspace", workspace]
        print(page, ask(root, pids["endpoint"], "doctor", *words))
        told.append(
            [(a["does"], a["state"]) for a in mine] == [("works", "RUNNING")]
            and status["counts"]["desired"] == status["ledger"]["size"] == 1
            and not status["concerns"]
            and not status["failed_starts"]
            and len(status["departures"]) == len(told)
            and job in page
            and max(map(len, page.splitlines())) <= 80
            and is_as_expected(
                checked(root, pids[task]),
                UNTOLD | {"endpoint.signature": "URL was not given"},
                least=55,
            )
            and is_as_expected(
                checked(root, pids["endpoint"], *words),
                UNTOLD | {"permissions.task_role": "iam SimulatePrincipalPolicy"},
                least=60,
            )
        )

    with tempfile.TemporaryDirectory() as folder:
        process = play(root, "--seed", "1", "--tfe-token", "--keep", folder)
        return finish(process, functools.partial(watch, folder)) and told == [True, True]


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


def forgets_a_canceled_run(root: pathlib.Path) -> bool:
    """A run is canceled while the agent that came for it boots. Its notification ends the announced
    job at once, without a token, and the agent leaves when it has waited for its first job."""
    at: dict[str, float] = {}

    def watch(line: str) -> None:
        match line.split():
            case [when, _, "canceled"]:
                at["canceled"] = float(when)
            case [when, "ledger", "-", _]:
                at["forgotten"] = float(when)
            case [when, "task", _, "RUNNING"]:
                at["running"] = float(when)
            case [when, "service", "desiredCount", _, "->", "0"]:
                at["floor"] = float(when)
            case [when, "task", _, _, "received", _]:
                at["received"] = float(when)

    options = ["--runs", "1", "--mixed", "--notifications", "--first-job-seconds", "4"]
    held = finish(play(root, *options, "--seed", "8"), watch)
    print(f"    {at}", flush=True)
    return (
        held
        and "received" not in at
        and at["canceled"] < at["running"]
        and at["forgotten"] - at["canceled"] < 10
        and at["floor"] - at["canceled"] < 30
    )


def with_health_check(root: pathlib.Path, path: pathlib.Path) -> None:
    """The task definition, its agent waiting for a health check of the sidecar: ECS makes the first
    after 5 s at the least (Amazon ECS API reference, HealthCheck)."""
    definition = json.loads((root / "ecs-task-def/task-definition.json").read_text())
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    containers["agent-sidecar"]["healthCheck"] = {
        "command": ["CMD-SHELL", "test -e $AGENT_LINK_DIR/allowed"],
        "interval": 5,
        "startPeriod": 300,
    }
    (waits,) = (
        wait
        for wait in containers["tfc-agent"]["dependsOn"]
        if wait["containerName"] == "agent-sidecar"
    )
    waits["condition"] = "HEALTHY"
    path.write_text(json.dumps(definition))


def starts_agents_soon(root: pathlib.Path) -> bool:
    """From a task's first container to its agent, beside the same with a health check between."""
    took: list[float] = []

    def watch(line: str) -> None:
        if match := AGENT_STARTED.match(line):
            took.append(float(match[1]))

    options = ["--runs", "6", "--max", "3", "--seed", "12"]
    with tempfile.TemporaryDirectory() as folder:
        before = pathlib.Path(folder) / "task-definition.json"
        with_health_check(root, before)
        held = finish(play(root, *options), watch) and finish(
            play(root, *options, "--task-definition", str(before)), watch
        )
    print(f"    half of them: {took[:1]} s; with a health check: {took[1:]} s", flush=True)
    return held and len(took) == 2 and took[0] <= AGENT_START_SECONDS < 5 <= took[1]


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
        with tempfile.TemporaryDirectory() as folder, Onlooker(root) as onlooker:
            shown: list[str] = []

            def watch(line: str) -> None:
                shown.append(line)
                onlooker.see(line)

            if not finish(play(root, "--keep", folder, *options), watch):
                return False
            lines = metrics.told(pathlib.Path(folder))
            wrong = [(line, found) for line in lines if (found := metrics.faults(line))]
            for line, found in wrong[:5]:
                print(f"    {found}: {line}")
            embedded = sum('"_aws":' in line for line in lines)
            print(f"    {len(lines)} lines, {embedded} with metrics, {len(wrong)} are wrong")
            timeline = "".join(shown)
            differences = list(differ(timeline, lines, audited(root, folder), proves))
            differences += differ_in_metrics(timeline, lines)
            differences += differ_in_status(timeline, onlooker.last)
            for difference in differences:
                print(f"    what is told differs: {difference}")
            return not wrong and not differences and embedded > 10

    return rehearse


class Onlooker:
    """Asks for the status again and again, with the endpoint's environment, until it is over; the
    last answer is of the rest at the end."""

    EVERY_SECONDS = 1

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.last: dict | None = None
        self.endpoint: int | None = None
        self.environment: dict[str, str] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self) -> "Onlooker":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()

    def see(self, line: str) -> None:
        if self.endpoint is None and (match := SERVER_STARTED.search(line)):
            self.endpoint = int(match[2])

    def look(self) -> None:
        while not self.over.wait(self.EVERY_SECONDS):
            # That of the first one, which is the next one's too; a process that has just been
            # started may have none yet.
            if self.endpoint is not None and not self.environment:
                self.environment = environment_of(self.endpoint)
            if not self.environment:
                continue
            answer = subprocess.run(
                [self.root / ".build/debug/agent-sidecar", "status", "--json"],
                env=self.environment,
                capture_output=True,
                text=True,
            )
            # 1 says that something could not be read, as when a call is lost or all is over.
            if answer.returncode == 0:
                self.last = json.loads(answer.stdout)


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
    # Without a task: announced, and nobody was seen to receive it.
    worked = [job for job in report["jobs"] if job.get("task")]
    if len(worked) != jobs:
        yield f"{len(worked)} jobs, and there were {jobs}"
    # One that ECS stopped before its containers ran has no lines.
    told = timeline.count("agent-sidecar started, pid")
    if report["tasks"] != told or told > tasks:
        yield f"{report['tasks']} tasks, of {tasks} of which {told} had a sidecar"
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


def differ_in_metrics(timeline: str, lines: list[str]):
    """Where what CloudWatch would count is otherwise than the rehearsal's table."""
    jobs = int(re.search(r"\d+ runs, (\d+) jobs", timeline)[1])
    measured = len(metrics.values(lines, "JobDuration"))
    lost = len(re.findall(r"^        \S+ on \S+: ", timeline, re.MULTILINE))
    # Whose sidecar is gone with its agent tells of no end.
    if not jobs - lost <= measured <= jobs:
        yield f"{measured} jobs are measured, and there were {jobs}, {lost} of them lost"
    told = float(re.search(r"DynamoDB units per job: ([\d.]+) to write", timeline)[1])
    units = sum(metrics.values(lines, "LedgerWriteUnits")) / max(jobs, 1)
    conflicts = sum(metrics.values(lines, "LedgerConflicts"))
    print(f"    {units:.1f} of {told} units a job are told, {conflicts:.0f} writes were in vain")
    # Besides those in vain: what a killed process had not said yet, and the endpoint at the end.
    if not told / 2 <= units <= told + 0.05:
        yield f"{units} units a job are told, and there were {told}"


def differ_in_status(timeline: str, status: dict | None):
    """Where the last status is otherwise than the table; the service rests then."""
    if status is None:
        yield "nobody could be asked for the status"
        return
    floor = status["limits"]["desired_count"]
    counts = status["counts"]
    if not counts["desired"] == counts["running"] == status["ledger"]["size"] == floor:
        yield f"at rest it tells of {counts} and {status['ledger']}"
    if status["waiting"] or status["concerns"]:
        yield f"at rest somebody waits or something is wrong: {status}"
    tasks = int(re.search(r"(\d+) tasks started", timeline)[1])
    gone = len(status["departures"]) + sum("task" in s for s in status["failed_starts"])
    if gone + len(status["agents"]) != tasks:
        yield f"{gone} tasks are gone, {len(status['agents'])} are there, and {tasks} were started"


def names_what_cannot_start(root: pathlib.Path) -> bool:
    """A person deploys a revision whose image cannot be pulled. Status and the metric of an alarm
    say so within two sweeps of the first start of it, and so does the page of each run that comes
    then."""
    found: dict[str, float] = {}
    functions: list[int] = []

    def watch(line: str) -> None:
        at = re.match(r" *([\d.]+) ", line)
        if match := FUNCTION_STARTED.search(line):
            functions.append(int(match[1]))
        if at is None:
            return
        seconds = float(at[1])
        # Not the plan of faults, which is told first.
        if re.search(r"fault \d+ +a revision is deployed that cannot start \(pull-ref", line):
            found.setdefault("deployed", seconds)
        if "agents cannot start: the image cannot be pulled" in line:
            found.setdefault("metric", seconds)
        if re.search(r"run task .*cannot start: the image cannot be pulled", line):
            found.setdefault("page", seconds)
        if "deployed" in found and "status" not in found:
            starts = json.loads(ask(root, functions[-1], "status", "--json"))["failed_starts"]
            if any("CannotPullContainerError" in start["reason"] for start in starts):
                found["status"] = seconds

    with tempfile.TemporaryDirectory() as folder:
        options = ["--chaos", "--faults", "deploy", "--fault-seconds", "40", "--runs", "10"]
        options += ["--endpoint", "lambda", "--seed", "45", "--keep", folder]
        if not finish(play(root, *options), watch):
            return False
        counted = metrics.values(metrics.told(pathlib.Path(folder)), "StartsFailed")
    print(f"    {found}, {counted} starts counted")
    # A second is what a task takes that boots, and half a one until the next is started.
    late = found.get("deployed", 0) + 1.5 + 2 * SWEEP_SECONDS
    return (
        found.keys() == {"deployed", "metric", "page", "status"}
        and max(found["metric"], found["status"]) <= late
        and sum(counted) >= 1
    )


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


READINGS = {
    "same": "with the revision that they had",
    "primary": "with the newest revision",
}
TAKEN_AWAY = "nothing is left: neither under the prefix nor with the tag of this proof\n"


def prove(root: pathlib.Path, *options: str) -> subprocess.Popen:
    print(f"==> rehearsal prove --local {' '.join(options)}", flush=True)
    return subprocess.Popen(
        [root / ".build/debug/rehearsal", "prove", "--local", "--prefix", "proof", *options],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def proves(reading: str, what: str):
    """Which revision replaces tasks is told to the local cloud alone, and found out by calls."""

    def check(root: pathlib.Path) -> bool:
        lines: list[str] = []
        # The deployment alone is played twice.
        acts = [] if reading == "same" else ["--acts", "deployment"]
        told = finish(prove(root, "--replacement", reading, *acts), lines.append)
        held = {line.split()[2].rstrip(":") for line in lines if line.startswith("held ")}
        return (
            told
            and any(what in line for line in lines)
            and {"1", "2", "3", "4", "6", "7", "8", "9"} <= held
            and lines[-1] == TAKEN_AWAY
            and (reading != "same" or any("refused protection to 1" in line for line in lines))
        )

    return check


def proof_notices_a_broken_rule(root: pathlib.Path) -> bool:
    lines: list[str] = []
    process = prove(root, "--break", "protection", "--acts", "runs")
    return (
        finish(process, lines.append, expected=1)
        and any(re.match(r"broken +rule 1:", line) for line in lines)
        and lines[-1] == TAKEN_AWAY
    )


def proof_takes_away_after_an_interrupt(root: pathlib.Path) -> bool:
    lines: list[str] = []

    def watch(line: str) -> None:
        lines.append(line)
        if line.startswith("runs: "):
            process.send_signal(signal.SIGINT)

    process = prove(root)
    return finish(process, watch, expected=130) and lines[-1] == TAKEN_AWAY


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
    ("a task's agent starts within 1.5 s of its first container", starts_agents_soon),
    ("runs that are cancelled or fail", plays("--runs", "8", "--mixed", "--seed", "5")),
    (
        "a run that is canceled while its agent boots, and the floor seconds after",
        forgets_a_canceled_run,
    ),
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
        "faults of one seed, and what status, metrics and an audit make of them",
        is_told_by_its_lines(
            *("--chaos", "--faults", QUICK_FAULTS, "--fault-seconds", "25", "--seed", "7"),
            proves={1, 4, 6, 9},
        ),
    ),
    ("a revision that cannot start is named, before anybody asks", names_what_cannot_start),
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
    *(
        (f"a proof plays every act, sees {what}, and leaves nothing", proves(reading, what))
        for reading, what in READINGS.items()
    ),
    ("a proof notices an ECS that does not protect", proof_notices_a_broken_rule),
    ("an interrupted proof takes everything away first", proof_takes_away_after_an_interrupt),
]
