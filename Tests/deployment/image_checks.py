"""The images: linted, built whole, small, and what is inside runs from there."""

import atexit
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

import footprint
import images
import planning
from checks import Skipped, check

ROOT = images.ROOT
DOCKER = ROOT / "docker"
SIDECAR_LIMIT_BYTES = 40_000_000
LAUNCHER_LIMIT_BYTES = 8_000_000
# All that an image may hold, besides its executables.
CONTENTS = (
    "etc/nsswitch.conf",
    "etc/ssl/certs/ca-certificates.crt",
    "var/lib/dpkg/status.d/",
    # The loader and glibc's parts.
    "lib64/ld-linux-", "lib/ld-linux-", "ld-linux-", "libc.so.", "libm.so.", "libgcc_s.so.",
)  # fmt: skip

atexit.register(images.close)


@check("Dockerfiles pass hadolint")
def lint() -> None:
    linter = ROOT / ".venv/bin/hadolint"
    process = subprocess.run(
        [linter, "--failure-threshold", "style", *DOCKER.glob("*.Dockerfile")],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert len(list(DOCKER.glob("*.Dockerfile"))) == 2


@check("docker/build teaches with --help and refuses what it cannot do")
def options() -> None:
    def build(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [DOCKER / "build", *arguments], capture_output=True, text=True, timeout=30
        )

    helped = build("--help")
    assert helped.returncode == 0 and "--platform" in helped.stdout and "--ecr" in helped.stdout
    for arguments, sentence in (
        (["--only", "agent"], "--only takes sidecar or endpoint, not agent"),
        (["--platform", "windows/amd64"], "linux/amd64 and linux/arm64 can be built"),
        (["--frobnicate"], "unknown option --frobnicate"),
        (["--tag"], "--tag needs a value"),
        (["--tool", "no-such-tool"], "no-such-tool is not installed"),
        (["--push"], "--push needs --prefix"),
        (["--tfvars", "x"], "--tfvars needs --ecr"),
    ):
        refused = build(*arguments)
        assert refused.returncode == 2, arguments
        assert sentence in refused.stderr, refused.stderr


@check("docker/build pushes to ECR and writes the images, by digest, as Terraform's variables")
def pushes() -> None:
    """With stand-ins for docker and aws that keep a record of what they were told."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        digest = "sha256:" + "ab" * 32
        (folder / "docker").write_text(
            f'#!/bin/sh\necho "docker $*" >>{folder}/calls\ncat >/dev/null\n'
        )
        (folder / "aws").write_text(
            f'#!/bin/sh\necho "aws $*" >>{folder}/calls\ncase "$*" in\n'
            "*get-caller-identity*) echo 123456789012 ;;\n"
            f"*describe-images*) echo {digest} ;;\n"
            "*describe-repositories*scale-up*) exit 1 ;;\n"
            "*get-login-password*) echo password ;;\nesac\n"
        )
        for program in ("docker", "aws"):
            (folder / program).chmod(0o755)
        variables = folder / "images.auto.tfvars"
        command = [DOCKER / "build", "--ecr", "eu-central-1", "--tag", "v1"]
        command += ["--platform", "linux/arm64", "--tfvars", variables.name]
        process = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": f"{folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert process.returncode == 0, process.stderr
        registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
        assert variables.read_text().splitlines()[1:] == [
            f'sidecar_image = "{registry}/agent-sidecar@{digest}"',
            f'endpoint_image = "{registry}/scale-up@{digest}"',
            'cpu_architecture = "ARM64"',
        ]
        calls = (folder / "calls").read_text()
        assert f"docker push {registry}/agent-sidecar:v1" in calls
        assert "create-repository --region eu-central-1 --repository-name scale-up" in calls
        assert (
            "create-repository --region eu-central-1 --repository-name agent-sidecar" not in calls
        )
        assert "password" not in calls.replace("--password-stdin", "").replace("login-password", "")
        # What is written is what the module takes.
        written = dict(
            line.split(" = ") for line in variables.read_text().splitlines() if " = " in line
        )
        inputs = {name: json.loads(value) for name, value in written.items()}
        assert planning.attempt(inputs).succeeded


def files(root: pathlib.Path) -> dict[str, int]:
    """Sizes by path; proc is a mount point that running leaves."""
    return {
        str(path.relative_to(root)): path.lstat().st_size
        for path in root.rglob("*")
        if not path.is_dir() and path.relative_to(root).parts[0] != "proc"
    }


for _name, _executables in (
    ("sidecar", ["agent-launcher", "agent-sidecar"]),
    ("endpoint", ["scale-up-lambda", "scale-up-server"]),
):

    @check(f"the {_name}'s image is built and holds its executables, what they load, nothing else")
    def holds(name: str = _name, executables: list[str] = _executables) -> None:
        found = files(images.image(name))
        ours = sorted(p.removeprefix("usr/local/bin/") for p in found if "usr/local/bin/" in p)
        assert ours == executables, ours
        for path in found:
            assert path.startswith("usr/local/bin/") or any(part in path for part in CONTENTS), path
        status = images.image(name) / "var/lib/dpkg/status.d"
        for package in ("libc6", "libgcc-s1", "ca-certificates", "libssl-dev", "libcurl4"):
            text = (status / package).read_text()
            assert f"Package: {package}\n" in text and "\nVersion: " in text, text
        print(f"    {name}: {sum(found.values()) / 1e6:.1f} MB in {len(found)} files")


@check("the sidecar's image is at most 40 MB")
def small() -> None:
    assert sum(files(images.image("sidecar")).values()) <= SIDECAR_LIMIT_BYTES


def hardening(program: pathlib.Path) -> set[str]:
    """What an ELF file of 64 bits says of how it is to be loaded (elf(5))."""
    data = program.read_bytes()
    kind, offset = struct.unpack_from("<H", data, 16)[0], struct.unpack_from("<Q", data, 32)[0]
    size, count = struct.unpack_from("<HH", data, 54)
    found = {"any address"} if kind == 3 else set()
    for header in range(offset, offset + count * size, size):
        segment = struct.unpack_from("<I", data, header)[0]
        start, _, _, length = struct.unpack_from("<4Q", data, header + 8)
        if segment == 3:
            found.add("loader")
        elif segment == 0x6474E552:
            found.add("write-protected")
        elif segment == 2:
            entries = dict(struct.iter_unpack("<QQ", data[start : start + length]))
            if entries.get(30, 0) & 8:
                found.add("bound at the start")
            if {15, 29} & entries.keys():
                found.add("rpath")
    return found


@check("the launcher is loaded at any address, bound at the start, then write-protected, and small")
def hardened() -> None:
    launcher = images.image("sidecar") / "usr/local/bin/agent-launcher"
    assert hardening(launcher) == {"any address", "bound at the start", "write-protected"}
    assert launcher.stat().st_size <= LAUNCHER_LIMIT_BYTES


@check("in its image the sidecar helps, is not healthy yet, and says what is missing")
def sidecar_speaks() -> None:
    root = images.image("sidecar")
    sidecar = "/usr/local/bin/agent-sidecar"
    code, said = images.finish(root, [sidecar, "--help"])
    assert code == 0 and "SUBCOMMANDS" in said, said
    code, said = images.finish(root, [sidecar, "health"])
    assert code == 1 and "not healthy" in said, said
    code, said = images.finish(root, [sidecar, "run"])
    assert code == 1 and "LEDGER_TABLE" in said and "ECS_AGENT_URI" in said, said


@check("in its image the sidecar hands the launcher over, which runs a command there")
def hands_over() -> None:
    root = images.image("sidecar")
    with contextlib.ExitStack() as stack:
        # A short path: a socket's name has little room. Mode 0755, as Fargate makes a volume.
        volume = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="v-")))
        volume.chmod(0o755)
        task = stack.enter_context(footprint.peer("task_peer.py", "agents", "pool", footprint.TASK))
        cloud = stack.enter_context(footprint.peer("moto_peer.py"))
        settings = footprint.task_environment(task, f"http://127.0.0.1:{cloud}")
        settings["AGENT_LINK_DIR"] = "/run/agent-link"
        sidecar = images.start(root, ["/usr/local/bin/agent-sidecar", "run"], settings, volume)
        stack.callback(sidecar.wait)
        stack.callback(sidecar.kill)
        footprint.wait_for("healthy", (volume / "healthy").exists, sidecar)
        code, _ = images.finish(root, ["/usr/local/bin/agent-sidecar", "health"], volume=volume)
        assert code == 0
        # As the agent's user, which is not root.
        code, said = images.finish(
            root,
            ["/run/agent-link/agent-launcher", "/usr/local/bin/agent-sidecar", "--help"],
            settings={"AGENT_LINK_DIR": "/run/agent-link"},
            volume=volume,
            user="1000:1000",
        )
        assert code == 0 and "SUBCOMMANDS" in said, said
        assert "no sidecar" not in said, said


@check("in its image the function says what is missing")
def function_speaks() -> None:
    code, said = images.finish(images.image("endpoint"), ["/usr/local/bin/scale-up-lambda"])
    assert code == 1 and "AWS_LAMBDA_RUNTIME_API is not set" in said, said


@check("in its image the server answers /healthz as a user without rights")
def server_answers() -> None:
    root = images.image("endpoint")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "ECS_CLUSTER": "agents",
        "ECS_SERVICE": "pool",
        "LEDGER_TABLE": "ledger",
        "RUN_TASK_HMAC_KEY": "a-key-for-a-test",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "LISTEN_ADDRESS": "127.0.0.1",
        "PORT": str(port),
    }
    server = images.start(
        root,
        ["/usr/local/bin/scale-up-server"],
        settings,
        user="65532:65532",
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as page:
                    assert page.status == 200
                    return
            except OSError:
                assert server.poll() is None, server.stdout.read()
                assert time.monotonic() < deadline, "no answer within 60 s"
                time.sleep(0.1)
    finally:
        # The whole group: with another user the kernel forgets whose end was to be the server's.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@check("the sidecar of the image keeps to its memory, after TLS")
def memory() -> None:
    found = footprint.measure(images.image("sidecar"), 10)
    print(f"    {found}")
    assert found["sidecar_rss_kb"] <= footprint.LIMIT_RSS_KB, found
    assert found["sidecar_anonymous_kb"] <= footprint.LIMIT_ANONYMOUS_KB, found


for _endpoint in ("server", "lambda"):

    @check(f"a run goes from webhook to rest with the images' executables, endpoint {_endpoint}")
    def rehearses(endpoint: str = _endpoint) -> None:
        """Checks the signatures of the HTTP-only libcurl too: the rehearsal's cloud does."""
        rehearsal = ROOT / ".build/debug/rehearsal"
        if not rehearsal.exists():
            raise Skipped("the rehearsal is not built")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("sidecar", "endpoint"):
                for executable in (images.image(name) / "usr/local/bin").iterdir():
                    shutil.copy(executable, folder)
            # The agent is HashiCorp's; its stand-in is no part of an image.
            shutil.copy(ROOT / ".build/debug/stand-in-agent", folder)
            process = subprocess.run(
                [rehearsal, "play", "--bin", folder, "--endpoint", endpoint, "--seed", "11"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=300,
            )
        assert process.returncode == 0, process.stdout[-4000:] + process.stderr[-2000:]
