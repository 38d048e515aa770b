"""What a task has of ours, beside what it is compared with: sidecar and launcher at rest, an
agent's exit, its output, a renewal, and what a rehearsal tells of boots and calls."""

import contextlib
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import endpoint

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "deployment"))
import footprint  # noqa: E402

REST_SECONDS = 10
RESTS = 3
DEPARTURES = 60
OUTPUT_BYTES = 2 << 30
OUTPUTS = 5
RENEWALS = 7
FILES = [1_000, 10_000, 100_000]
JOBS = [100, 2_000, 5_000, 10_000]
ROOM = HERE.parent / "RenewalTests/room.sh"


class Task:
    """Sidecar and launcher before a stub, with a script as the agent."""

    def __init__(self, folder, stub, name, script, **settings):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(
            self.stack.enter_context(tempfile.TemporaryDirectory(prefix="task-"))
        )
        link = self.folder / "link"
        link.mkdir()
        endpoints = "%s/tasks/%s" % (stub.url, name)
        environment = {
            "PATH": "/usr/bin:/bin",
            "LEDGER_TABLE": "ledger",
            "AWS_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": stub.url,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoints + "/credentials",
            "ECS_CONTAINER_METADATA_URI_V4": endpoints + "/metadata",
            "ECS_AGENT_URI": endpoints,
            "AGENT_LINK_DIR": str(link),
            "MAX_COUNT": "5000",
        } | settings
        self.log = self.stack.enter_context(open(self.folder / "log", "w+b"))
        start = {"env": environment, "stdin": subprocess.DEVNULL, "stderr": self.log}
        subprocess.run([folder / "agent-sidecar", "deliver"], check=True, stdout=self.log, **start)
        self.sidecar = subprocess.Popen([folder / "agent-sidecar", "run"], stdout=self.log, **start)
        self.stack.callback(self.sidecar.wait)
        self.stack.callback(self.sidecar.kill)
        footprint.wait_for("allowed", (link / "allowed").exists, self.sidecar)
        agent = self.folder / "tfc-agent"
        agent.write_text(script)
        agent.chmod(0o755)
        self.launcher = subprocess.Popen(
            [link / "agent-launcher", agent], stdout=subprocess.PIPE, cwd=self.folder, **start
        )
        self.stack.callback(self.launcher.wait)
        self.stack.callback(self.launcher.kill)
        # Before the launcher is, which leaves its agent behind when it is killed.
        self.stack.callback(
            subprocess.run, ["pkill", "-KILL", "-P", str(self.launcher.pid)], check=False
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.log.seek(0)
            print(self.log.read()[-4000:].decode(errors="replace"))
        self.stack.close()


def line(module, message, **fields):
    return json.dumps({"@module": module, "@message": message} | fields)


WAITING = line("core", "Waiting for next job")


def departures(folder):
    """Milliseconds from an agent's exit to the update of the service that follows."""
    times = []
    stub = endpoint.Stub()
    stub.reset(size=DEPARTURES)
    # A line from us ends it, and nothing else has to run for that.
    script = "#!/bin/sh\necho '%s'\nmkfifo go\necho ready > made\nread word < go\n" % WAITING
    for number in range(DEPARTURES):
        with Task(folder, stub, "%032x" % number, script, AGENT_MODE="single") as task:
            task.launcher.stdout.readline()
            footprint.wait_for("the agent", (task.folder / "made").exists, task.launcher)
            with open(task.folder / "go", "w") as go:
                before = len(stub.ask("GET", "/updates"))
                exited = time.time()
                go.write("go\n")

            def updates(before=before):
                return stub.ask("GET", "/updates")[before:]

            footprint.wait_for("the update of the service", updates, task.sidecar)
            times.append((updates()[0][0] - exited) * 1000)
        time.sleep(endpoint.PAUSE_SECONDS)
    stub.stop()
    return times


PRODUCER = "date +%%s.%%N > begun; yes %s | head -c %d; date +%%s.%%N > ended" % (
    "x" * 99,
    OUTPUT_BYTES,
)


def output(folder):
    """MB a second that the launcher passes on, and `cat`, both to a reader that drops it."""
    ours, theirs = [], []
    stub = endpoint.Stub()

    def rate(place):
        begun, ended = (float((place / name).read_text()) for name in ("begun", "ended"))
        return OUTPUT_BYTES / 1e6 / (ended - begun)

    for number in range(OUTPUTS):
        stub.reset(size=1)
        with Task(folder, stub, "%032x" % number, "#!/bin/sh\n%s\n" % PRODUCER) as task:
            with open(os.devnull, "wb") as sink:
                subprocess.run(["cat"], stdin=task.launcher.stdout, stdout=sink, check=True)
            ours.append(rate(task.folder))
        with tempfile.TemporaryDirectory() as place:
            whole = "{ %s; } | cat | cat > /dev/null" % PRODUCER
            subprocess.run(["/bin/sh", "-c", whole], cwd=place, check=True)
            theirs.append(rate(pathlib.Path(place)))
    stub.stop()
    return ours, theirs


def renewals(folder, files, count):
    """Milliseconds of each renewal after a job that made so many files."""
    making = (
        'job:exec python3 -c "import os\nfor i in range(%d): '
        "os.close(os.open(f'/tmp/{i}', os.O_CREAT | os.O_WRONLY))\"" % files
    )
    steps = ["entries:2000000", "milliseconds:120000", "prepare"] + [making, "renew"] * count
    names = ("DISK", "IMAGE", "MOUNTS", "LINK", "CAPABILITIES")
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--ipc", "--net", "--fork", "--kill-child", ROOM]
            + [place, "/trial", "tfc-agent", *steps],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            | {"ROOM_" + name: "" for name in names}
            | {"ROOM_TRIAL": folder / "renewal-trial", "ROOM_LAUNCHER": folder / "agent-launcher"},
            capture_output=True,
            text=True,
        )
    times = [float(number) for number in re.findall(r"renewed in (\d+) ms", done.stdout)]
    if len(times) != count:
        raise SystemExit("a renewal was not made: " + done.stdout + done.stderr)
    return times


# Rehearsals


def play(folder, keep, *words):
    """Plays one, and returns what it printed."""
    done = subprocess.run(
        [folder / "rehearsal", "play", "--keep", keep, *words],
        cwd=HERE.parent.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit("a rehearsal failed:\n" + done.stdout[-4000:] + done.stderr[-2000:])
    return done.stdout


def lines(path):
    for text in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                yield found


def gaps(keep):
    """Seconds from an agent's last line to the next one's first wait, in each container."""
    for path in pathlib.Path(keep).glob("*tfc-agent.log"):
        ended = None
        for found in lines(path):
            if "@timestamp" not in found:
                continue
            moment = datetime.datetime.fromisoformat(found["@timestamp"])
            if found["@message"] == "Agent deregistered":
                ended = moment
            elif found["@message"] == "Waiting for next job" and ended:
                yield (moment - ended).total_seconds()
                ended = None


def rehearsed(folder):
    with tempfile.TemporaryDirectory() as keep:
        text = play(folder, keep, "--runs", "8", "--max", "5", "--seed", "2")
        boots = [
            found["BootStart"] + found["BootProtect"]
            for path in pathlib.Path(keep).glob("*agent-sidecar.log")
            for found in lines(path)
            if "BootStart" in found
        ]
    calls = re.search(r"API calls per job: DynamoDB ([\d.]+), ECS ([\d.]+)", text)
    yield "boot", endpoint.found(boots)
    yield "calls-dynamodb", endpoint.found([float(calls[1])])
    yield "calls-ecs", endpoint.found([float(calls[2])])
    with tempfile.TemporaryDirectory() as keep:
        play(folder, keep, "--mode", "renewed", "--runs", "6", "--max", "2", "--seed", "2")
        yield "gap", endpoint.found(list(gaps(keep)))


# All of it


def peers(found, names):
    """One figure of ours and of each peer, in MB where it is in KB."""
    scale = 1024 if names.endswith("_kb") else 1

    def samples(of):
        return [one["sidecar_" + names] / scale for one in of]

    others = {name: samples(of) for name, of in found.items() if name != "sidecar"}
    return {"ours": samples(found["sidecar"]), "peers": others}


def compiled(folder):
    """The program in C over the same libcurl, and what it is called."""
    program = folder / "curl_sidecar"
    words = ["cc", "-O2", "-o", program, HERE / "curl_sidecar.c", "-lcurl"]
    subprocess.run(words, check=True)
    return program


def measure(folder):
    """Yields each row's key with what was found."""
    commands = {
        "boto3 loop": [sys.executable, HERE / "boto3_sidecar.py"],
        "C over libcurl": [compiled(folder)],
    }
    found = {"sidecar": [], **{name: [] for name in commands}}
    for _ in range(RESTS):
        found["sidecar"].append(footprint.measure(folder, REST_SECONDS))
        for name, command in commands.items():
            found[name].append(footprint.measure_peer(command, REST_SECONDS))
    yield "rss", peers(found, "rss_kb")
    yield "anonymous", peers(found, "anonymous_kb")
    yield "cpu", peers(found, "cpu_percent")
    yield "wakeups", peers(found, "wakeups_per_second")
    launchers = [one["launcher_rss_kb"] / 1024 for one in found["sidecar"]]
    yield "launcher-rss", endpoint.found(launchers)
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, folder / "agent-launcher"], check=True)
        size = pathlib.Path(stripped.name).stat().st_size / 1e6
    yield "launcher-file", endpoint.found([size])
    times = departures(folder)
    yield "departure", endpoint.found(times)
    yield "departure-late", endpoint.found([statistics.quantiles(times, n=100)[98]])
    ours, theirs = output(folder)
    yield "launcher-output", {"ours": ours, "peers": {"cat": theirs}}
    yield from rehearsed(folder)
    yield "renewal", endpoint.found(renewals(folder, 10_000, RENEWALS))


def growth(folder):
    """Yields each series' key with its points: jobs that a sidecar has seen, files of a job."""
    files = [(count, statistics.median(renewals(folder, count, 3))) for count in FILES]
    yield "renewal", {"points": files}
    resident, anonymous, processor = [], [], []
    stub = endpoint.Stub()
    stub.reset(size=1)
    received = line("core", "Job received", job_id="run-%d", job_type="plan")
    script = AGENT % (sys.executable, WAITING, JOBS, received, WAITING)
    with Task(folder, stub, "f" * 32, script, AGENT_MODE="shared") as task:
        last = (0, 0.0)
        for count in JOBS:
            assert task.launcher.stdout is not None
            while task.launcher.stdout.readline().strip() != b"done %d" % count:
                pass
            # The sidecar has seen them once nothing of theirs is left in the ledger.
            footprint.wait_for("the jobs' end", lambda: stub.ask("GET", "/jobs") == 0, task.sidecar)
            now = footprint.status(task.sidecar.pid)
            seconds = now["ticks"] / os.sysconf("SC_CLK_TCK")
            resident.append((count, now["VmRSS"] / 1024))
            anonymous.append((count, now["RssAnon"] / 1024))
            processor.append((count, 1000 * (seconds - last[1]) / (count - last[0])))
            last = (count, seconds)
            (task.folder / ("go%d" % count)).touch()
    stub.stop()
    # Of ten thousand jobs nothing is kept but what of a hundred is.
    if anonymous[-1][1] > anonymous[0][1] + 1:
        raise SystemExit("the sidecar's memory grows with the jobs: %s" % anonymous)
    yield "sidecar-rss", {"points": resident}
    yield "sidecar-anonymous", {"points": anonymous}
    yield "sidecar-cpu", {"points": processor}


# An agent whose jobs take nothing, and come two hundred a second.
AGENT = """#!%s
import pathlib, sys, time

number = 0
print(%r, flush=True)
for stop in %r:
    while number < stop:
        number += 1
        print(%r %% number, flush=True)
        time.sleep(0.0025)
        print(%r, flush=True)
        time.sleep(0.0025)
    print("done", stop, flush=True)
    while not pathlib.Path("go%%d" %% stop).exists():
        time.sleep(0.05)
time.sleep(60)
"""
