"""Measures the sidecar beside a launcher at rest, after TLS: memory, CPU and wake-ups.

    .venv/bin/python Tests/deployment/footprint.py SIDECAR_ROOT [SECONDS]

SIDECAR_ROOT is the root of the sidecar's image, or any folder that has `agent-sidecar` and
`agent-launcher` in it or in its `usr/local/bin`. AWS is moto behind TLS with a fresh certificate,
the task's own endpoints are Tests/Peers/task_peer.py; everything listens on loopback.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "Tests/Peers"
TASK = "0123456789abcdef0123456789abcdef"
# Design limits; see Tests/README.md, "Images".
LIMIT_RSS_KB = 18 * 1024
LIMIT_ANONYMOUS_KB = 4 * 1024


@contextlib.contextmanager
def peer(name: str, *arguments: str):
    """A peer that ends when its standard input closes; yields its port."""
    process = subprocess.Popen(
        [sys.executable, PEERS / name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.stdin.close()
        process.wait(timeout=30)


class TLSFront:
    """Takes TLS off and passes the bytes on, so that a signature over the host stays right."""

    def __init__(self, folder: pathlib.Path, target: int) -> None:
        key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
            + ["-keyout", key, "-out", self.certificate],
            check=True,
            capture_output=True,
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = target
        self.handshakes = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            outside = self.context.wrap_socket(plain, server_side=True)
            self.handshakes += 1
            inside = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(inside, outside), daemon=True).start()
            self.pump(outside, inside)

    @staticmethod
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.close()


def system_certificates() -> str:
    """What the images carry: the real bundle is as large as the one in production."""
    return pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_text()


def status(pid: int) -> dict[str, int]:
    """Kilobytes of /proc/PID/status, and clock ticks of CPU time so far."""
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if value.split() and value.split()[0].isdigit():
            values[name] = int(value.split()[0])
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return dict(values, ticks=int(fields[11]) + int(fields[12]))


def waits(pid: int) -> dict[str, int]:
    """How often each thread has gone to sleep of its own accord, by its id."""
    counts = {}
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            text = (thread / "status").read_text()
            counts[thread.name] = int(text.split("voluntary_ctxt_switches:")[1].split()[0])
    return counts


def wait_for(what: str, condition, process: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode} before {what}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def task_environment(own: int, aws: str) -> dict[str, str]:
    """What ECS and the task definition set, with the task's own endpoints at the port `own`."""
    return {
        "PATH": "/usr/bin:/bin",
        "LEDGER_TABLE": "ledger",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": aws,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{own}/credentials",
        "ECS_CONTAINER_METADATA_URI_V4": f"http://127.0.0.1:{own}/metadata",
        "ECS_AGENT_URI": f"http://127.0.0.1:{own}/agent",
    }


def forget(path: pathlib.Path) -> None:
    """Takes a file out of the page cache. Pages that were just written stay in large pieces, which
    the kernel maps whole: a task on a fresh host reads its image from disk instead."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def binary(root: pathlib.Path, name: str) -> pathlib.Path:
    places = [root / "usr/local/bin" / name, root / name]
    return next(place for place in places if place.exists())


class Surroundings:
    """What a task has: its endpoints, AWS behind TLS, a folder for the link, a log."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.stack = stack
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fp-")))
        own = stack.enter_context(peer("task_peer.py", "agents", "pool", TASK))
        self.front = TLSFront(self.folder, stack.enter_context(peer("moto_peer.py")))
        bundle = self.folder / "bundle.pem"
        bundle.write_text(system_certificates() + self.front.certificate.read_text())
        self.link = self.folder / "link"
        self.link.mkdir()
        self.environment = task_environment(own, f"https://localhost:{self.front.port}")
        self.environment["AGENT_LINK_DIR"] = str(self.link)
        self.environment["SSL_CERT_FILE"] = str(bundle)
        # Asked at once whether it may leave, the agent is refused by the floor: that takes the
        # ledger and ECS, over TLS.
        self.environment["DESIRED_COUNT"] = "1"
        self.environment["FIRST_JOB_TIMEOUT_SECONDS"] = "1"
        self.log = stack.enter_context(open(self.folder / "log", "w+b"))

    def start(self, *command) -> subprocess.Popen:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process


@contextlib.contextmanager
def surroundings():
    """Yields them; what was logged is shown if something goes wrong."""
    with contextlib.ExitStack() as stack:
        around = Surroundings(stack)
        try:
            yield around
        except Exception:
            around.log.seek(0)
            print(around.log.read().decode(errors="replace"))
            raise


def at_rest(pids: dict[str, int], seconds: float) -> dict[str, float]:
    """What processes take while nothing happens, each under its name."""
    time.sleep(2)
    before = {name: (status(pid), waits(pid)) for name, pid in pids.items()}
    time.sleep(seconds)
    after = {name: (status(pid), waits(pid)) for name, pid in pids.items()}
    result: dict[str, float] = {}
    ticks = os.sysconf("SC_CLK_TCK")
    for name, (now, waited) in after.items():
        then, waited_then = before[name]
        result[f"{name}_rss_kb"] = now["VmRSS"]
        result[f"{name}_anonymous_kb"] = now["RssAnon"]
        result[f"{name}_cpu_percent"] = 100 * (now["ticks"] - then["ticks"]) / ticks / seconds
        # A thread that has ended since is left out; one that is new counts whole.
        woken = sum(count - waited_then.get(thread, 0) for thread, count in waited.items())
        result[f"{name}_wakeups_per_second"] = round(woken / seconds, 2)
    return result


def measure(root: pathlib.Path, seconds: float) -> dict[str, float]:
    """Starts sidecar and launcher, waits until both are at rest, and looks for a while."""
    with surroundings() as around:
        # It copies the launcher from beside itself, as in the image.
        assert around.start(binary(root, "agent-sidecar"), "deliver").wait() == 0
        # What is in the page cache the kernel maps in pieces of 64 KB, used or not.
        forget(binary(root, "agent-sidecar"))
        sidecar = around.start(binary(root, "agent-sidecar"), "run")
        wait_for("allowed", (around.link / "allowed").exists, sidecar)
        # An agent at rest: it says that it waits for jobs, and sleeps.
        script = around.folder / "tfc-agent"
        script.write_text(
            "#!/bin/sh\n"
            """echo '{"@module":"core","@message":"Waiting for next job"}'\n"""
            "exec sleep 3600\n"
        )
        script.chmod(0o755)
        forget(around.link / "agent-launcher")
        launcher = around.start(around.link / "agent-launcher", script)
        # Before the launcher is, which leaves its agent behind when it is killed.
        around.stack.callback(subprocess.run, ["pkill", "-KILL", "-P", str(launcher.pid)])
        wait_for("a TLS connection", lambda: around.front.handshakes > 0, sidecar)
        found = at_rest({"sidecar": sidecar.pid, "launcher": launcher.pid}, seconds)
        return {"tls_handshakes": around.front.handshakes} | found


def measure_peer(command: list, seconds: float) -> dict[str, float]:
    """The same of another program in the sidecar's place."""
    with surroundings() as around:
        process = around.start(*command)
        wait_for("a TLS connection", lambda: around.front.handshakes > 0, process)
        return at_rest({"sidecar": process.pid}, seconds)


if __name__ == "__main__":
    if not shutil.which("openssl") or len(sys.argv) < 2:
        sys.exit(__doc__)
    found = measure(pathlib.Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 20)
    for key, value in found.items():
        print(f"{key:30} {value}")
