"""The images: linted, built whole, small, and what is inside runs from there."""

import atexit
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import botocore.session
import footprint
import images
import planning
import tables
from checks import Skipped, check

ROOT = images.ROOT
DOCKER = ROOT / "docker"
LIMITS_BYTES = {"sidecar": 40_000_000, "endpoint": 45_000_000}
LAUNCHER_LIMIT_BYTES = 8_000_000
# All that an image may hold, besides its executables.
CONTENTS = (
    "etc/nsswitch.conf",
    "etc/ssl/certs/ca-certificates.crt",
    # For scanners.
    "etc/os-release", "etc/debian_version", "var/lib/dpkg/status.d/", "usr/local/share/sbom/",
    # The loader and glibc's parts.
    "lib64/ld-linux-", "lib/ld-linux-", "ld-linux-", "libc.so.", "libm.so.", "libgcc_s.so.",
)  # fmt: skip

atexit.register(images.close)


@check("the Dockerfile passes hadolint")
def lint() -> None:
    linter = ROOT / ".venv/bin/hadolint"
    process = subprocess.run(
        [linter, "--failure-threshold", "style", DOCKER / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr


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
        (["--agent", "x:1"], "--agent needs --ecr"),
        (["--stand-in", "--only", "sidecar"], "--stand-in does not go with --only"),
        (["--provenance", "x"], "--provenance needs --ecr"),
        (["--signed"], "--signed needs --ecr"),
    ):
        refused = build(*arguments)
        assert refused.returncode == 2, arguments
        assert sentence in refused.stderr, refused.stderr


BASE_TAG = "6.3.1-bookworm"
BASE_LIST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [{"platform": {"architecture": name}} for name in ("amd64", "arm64")],
}


class Hub(http.server.BaseHTTPRequestHandler):
    """A registry as Docker Hub is: a manifest by its tag, for whoever has a token,
    which everybody gets (OCI distribution specification, and its tokens)."""

    content, kind, said = b"", BASE_LIST["mediaType"], None

    def do_GET(self) -> None:
        host = f"http://127.0.0.1:{self.server.server_port}"
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        if address.path == "/token":
            assert query == {"service": "a hub", "scope": "repository:library/swift:pull"}, query
            return self.answer(200, b'{"token":"t+/=","expires_in":300,"issued_at":"x"}', {})
        if self.headers["Authorization"] != "Bearer t+/=":
            challenge = f'Bearer realm="{host}/token",service="a hub",scope="x"'
            return self.answer(401, b"{}", {"www-authenticate": challenge})
        if address.path != f"/v2/library/swift/manifests/{BASE_TAG}":
            return self.answer(404, b"{}", {})
        assert BASE_LIST["mediaType"] in ", ".join(self.headers.get_all("Accept"))
        digest = "sha256:" + hashlib.sha256(self.content).hexdigest()
        fields = {"Content-Type": self.kind, "Docker-Content-Digest": self.said or digest}
        self.answer(200, self.content, fields)

    def answer(self, code: int, content: bytes, fields: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**fields, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments) -> None:
        pass


@check("docker/move-base writes the digest of the base's list of images, and only that")
def moves_base() -> None:
    class Registry(Hub):
        content = json.dumps(BASE_LIST).encode()

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        base = f"127.0.0.1:{server.server_port}/library/swift:{BASE_TAG}"
        shipped = (DOCKER / "Dockerfile").read_text()
        shipped_base = re.compile(r"(?<=^ARG SWIFT_IMAGE=)\S+$", re.M)
        # Ours names the official image, with or without a digest.
        (ours,) = shipped_base.findall(shipped)
        assert re.fullmatch(rf"docker\.io/library/swift:{BASE_TAG}(@sha256:[0-9a-f]{{64}})?", ours)
        file = folder / "Dockerfile"

        def move() -> subprocess.CompletedProcess:
            command = [DOCKER / "move-base", file]
            return subprocess.run(command, capture_output=True, text=True, timeout=60)

        def expected() -> str:
            digest = hashlib.sha256(Registry.content).hexdigest()
            return shipped_base.sub(f"{base}@sha256:{digest}", shipped)

        file.write_text(shipped_base.sub(base, shipped))
        moved = move()
        assert moved.returncode == 0, moved.stderr
        assert file.read_text() == expected()
        assert "as before" in move().stdout and file.read_text() == expected()
        # The tag has another list of images: a name with a digest is moved too.
        Registry.content += b" "
        assert move().returncode == 0 and file.read_text() == expected()

        # Nothing is written where what came is not what it is called, or is no list.
        written = file.read_text()
        for change, sentence in (
            ({"said": "sha256:" + "0" * 64}, "sent a list of"),
            ({"said": None, "kind": "application/vnd.oci.image.manifest.v1+json"}, "one archi"),
        ):
            for name, value in change.items():
                setattr(Registry, name, value)
            refused = move()
            assert refused.returncode == 1 and sentence in refused.stderr, refused
            assert file.read_text() == written
        file.write_text(written.replace(BASE_TAG, "none"))
        refused = move()
        assert refused.returncode == 1 and "answers 404" in refused.stderr, refused


FIELDS = ("Package", "Version")
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
# docker and aws as far as docker/build asks them, with a registry that is a file: a tag is given
# once, an image that is not there is missing by the name that ECR gives to that, all is recorded.
STAND_IN = r"""
import hashlib, json, pathlib, sys

me, *words = sys.argv
folder, program = pathlib.Path(me).parent, pathlib.Path(me).name
with open(folder / "calls", "a") as calls:
    print(json.dumps([program, *words]), file=calls)
state, before = (json.loads((folder / "state").read_text()) for _ in range(2))
option = lambda name: words[words.index(name) + 1]
match [program, *words]:
    case ["docker", "login", *_]:
        assert sys.stdin.read() == "password\n"
    case ["docker", "image", "inspect", *_]:
        print("sha256:" + "0123456789abcdef" * 4)
    case ["docker", "create", *_]:
        print("box")
    case ["docker", "cp", _, to]:
        pathlib.Path(to).write_text((folder / "bill").read_text())
    case ["docker", "push", image]:
        image = image.rpartition("/")[2]
        assert image not in state["images"], "tags are immutable"
        state["images"].append(image)
    case ["aws", "sts", *_]:
        print("arn:aws:sts::123456789012:assumed-role/builder/session")
    case ["aws", "ecr", "get-login-password", *_]:
        print("password")
    case ["aws", "ecr", "describe-repositories", *_]:
        sys.exit(option("--repository-names") not in state["repositories"])
    case ["aws", "ecr", "create-repository", *_]:
        state["repositories"].append(option("--repository-name"))
    case ["aws", "ecr", "describe-images", *_]:
        image = option("--repository-name") + ":" + option("--image-ids").removeprefix("imageTag=")
        if state["refuses"] or image not in state["images"]:
            sys.exit("An error occurred (%s) when calling the DescribeImages operation"
                % (state["refuses"] or "ImageNotFoundException"))
        print("sha256:" + hashlib.sha256(image.encode()).hexdigest())
    case ["aws", "ecr", "describe-image-signing-status", *_]:
        assert option("--image-id").startswith("imageDigest=sha256:")
        if "failureReason" in option("--query"):
            print("the profile is revoked")
        else:
            print(state["signing"][0])
            state["signing"] = state["signing"][1:] or state["signing"]
# Only then: both programs run at once while one signs in with what the other prints.
if state != before:
    (folder / "state").write_text(json.dumps(state))
"""


class Registry:
    """A folder with stand-ins for docker and aws, from which docker/build is called."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.variables = folder / "images.auto.tfvars"
        # Whoever waits does so by `sleep`.
        for program in ("docker", "aws", "sleep"):
            (folder / program).write_text(f"#!{sys.executable} -IS{STAND_IN}")
            (folder / program).chmod(0o755)
        versions = {"libcurl4": "7.88.1-10", "libssl-dev": "3.0.17-1", "libc6": "2.36-9"}
        components = [{"name": name, "version": of} for name, of in versions.items()]
        (folder / "bill").write_text(json.dumps({"components": components}, indent=2))
        self.set(repositories=["agent-sidecar"], images=[], refuses="", signing=[])

    def set(self, **changes) -> None:
        file = self.folder / "state"
        state = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**state, **changes}))

    def build(self, *arguments: str) -> subprocess.CompletedProcess:
        (self.folder / "calls").write_text("")
        command = [DOCKER / "build", "--tool", "docker", "--ecr", "eu-central-1"]
        return subprocess.run(
            [*command, "--platform", "linux/arm64", *arguments],
            cwd=self.folder,
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def calls(self, *first: str) -> list[list[str]]:
        lines = map(json.loads, (self.folder / "calls").read_text().splitlines())
        return [line for line in lines if line[: len(first)] == list(first)]

    def written(self) -> dict[str, str]:
        lines = [line.split(" = ") for line in self.variables.read_text().splitlines()[1:]]
        return {name: json.loads(value) for name, value in lines}


@contextlib.contextmanager
def registry():
    with tempfile.TemporaryDirectory() as name:
        yield Registry(pathlib.Path(name))


def option(call: list[str], name: str) -> str:
    return call[call.index(name) + 1]


@check(
    "docker/build brings both images and the agent's to ECR, by digest, as Terraform's variables"
)
def pushes() -> None:
    with registry() as ecr:
        process = ecr.build("--tag", "v1", "--tfvars", ecr.variables.name)
        assert process.returncode == 0, process.stderr
        pushed = [call[2] for call in ecr.calls("docker", "push")]
        agent = tables.default_of(tables.blocks("variable")["agent_image"]).strip("`")
        assert ecr.calls("docker", "pull") == [
            ["docker", "pull", "--platform", "linux/arm64", f"docker.io/{agent}"]
        ]
        tag = agent.partition(":")[2]
        assert pushed == [
            f"{REGISTRY}/tfc-agent:{tag}-arm64-0123456789ab",
            f"{REGISTRY}/agent-sidecar:v1",
            f"{REGISTRY}/scale-up:v1",
        ]

        def by_digest(image: str) -> str:
            name = image.rpartition("/")[2]
            digest = hashlib.sha256(name.encode()).hexdigest()
            return f"{image.partition(':')[0]}@sha256:{digest}"

        assert ecr.written() == {
            "sidecar_image": by_digest(pushed[1]),
            "endpoint_image": by_digest(pushed[2]),
            "agent_image": by_digest(pushed[0]),
            "cpu_architecture": "ARM64",
        }
        # What is written is what the module takes.
        assert planning.attempt(ecr.written()).succeeded
        for call in ecr.calls():
            assert "password" not in call, call
        assert "curl 7.88.1-10, OpenSSL 3.0.17-1, glibc 2.36-9" in process.stderr

        # The agent's image is there: it is not pushed again, and nothing changes for its tasks.
        agent_image = ecr.written()["agent_image"]
        process = ecr.build("--tfvars", ecr.variables.name)
        assert process.returncode == 0, process.stderr
        assert len(ecr.calls("docker", "push")) == 2
        assert ecr.written()["agent_image"] == agent_image

        process = ecr.build("--tag", "v2", "--tfvars", ecr.variables.name, "--agent", "none")
        assert process.returncode == 0, process.stderr
        assert ecr.calls("docker", "pull") == [] and "agent_image" not in ecr.written()

        process = ecr.build("--tag", "v3", "--tfvars", ecr.variables.name, "--stand-in")
        assert process.returncode == 0, process.stderr
        assert ecr.calls("docker", "pull") == [] and "agent_image" not in ecr.written()
        assert ecr.written()["stand_in_image"] == by_digest(f"{REGISTRY}/stand-in-agent:v3")


@check("docker/build gives a tag in ECR once, and finds that out before it builds")
def tags_once() -> None:
    with registry() as ecr:
        assert ecr.build("--tag", "v1").returncode == 0
        process = ecr.build("--tag", "v1")
        assert process.returncode == 2 and "in ECR already: give another --tag" in process.stderr
        assert ecr.calls("docker") == []
        # Without one, each build has its own: one commit gives two images when Debian has a fix.
        process = ecr.build()
        assert process.returncode == 0, process.stderr
        name = ecr.calls("docker", "push")[-1][2].partition(":")[2]
        assert re.fullmatch(r"\S+-\d{8}T\d{6}Z", name), name
        # Whether a tag is there is not known: nothing is built or pushed.
        ecr.set(refuses="AccessDeniedException")
        process = ecr.build("--tag", "v2")
        assert process.returncode != 0 and "AccessDeniedException" in process.stderr
        assert ecr.calls("docker") == []


@check("a repository that docker/build makes is as ecs-task-def/repositories makes it")
def repositories() -> None:
    place = planning.REPOSITORIES.name
    folder, _ = planning.stage()
    (folder / place / "inputs.tfvars.json").write_text("{}")
    outcome = planning.run("plan", place, var_files=["inputs.tfvars.json"], lock=False, out="plan")
    assert outcome.succeeded, outcome.complaints
    plan = planning.Plan(planning.run("show", place, path="plan").value)
    planned = {values["name"]: values for values in plan.of("aws_ecr_repository").values()}
    with registry() as ecr:
        process = ecr.build("--tag", "v1")
        assert process.returncode == 0, process.stderr
        # One of them was there, and stays as it is.
        made = {
            option(call, "--repository-name"): call
            for call in ecr.calls("aws", "ecr", "create-repository")
        }
        assert set(made) == set(planned) - {"agent-sidecar"}, made
        for name, call in made.items():
            assert option(call, "--image-tag-mutability") == planned[name]["image_tag_mutability"]
            (scanning,) = planned[name]["image_scanning_configuration"]
            assert scanning["scan_on_push"]
            assert option(call, "--image-scanning-configuration") == "scanOnPush=true"
        for operation, text, kind in (
            ("put-lifecycle-policy", "--lifecycle-policy-text", "aws_ecr_lifecycle_policy"),
            ("set-repository-policy", "--policy-text", "aws_ecr_repository_policy"),
        ):
            there = {
                option(call, "--repository-name"): json.loads(option(call, text))
                for call in ecr.calls("aws", "ecr", operation)
            }
            asked = {
                values["repository"]: json.loads(values["policy"])
                for values in plan.of(kind).values()
                if values["repository"] in made
            }
            assert there == asked and there, f"{operation}: {there} {asked}"


@check("docker/build labels an image with its version, its commit and where that is")
def labels() -> None:
    with registry() as ecr:
        process = ecr.build("--tag", "v1")
        assert process.returncode == 0, process.stderr
        git = lambda *words: subprocess.run(  # noqa: E731
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = git("describe", "--always", "--dirty").endswith("-dirty")
        builds = ecr.calls("docker", "build")
        assert len(builds) == 2
        for call in builds:
            given = [call[i + 1] for i, word in enumerate(call) if word == "--label"]
            found = {
                name.removeprefix("org.opencontainers.image."): value
                for name, _, value in (label.partition("=") for label in given)
            }
            assert found["version"] == version()
            assert found["revision"] == git("rev-parse", "HEAD") + ("-dirty" if changed else "")
            # Only an address that everybody can open: no path, no name, no password.
            assert re.fullmatch(r"https://[^@\s]+", found.get("source", "https://none")), found


@check("docker/build states how an image in ECR came to be: what, from what, by whom, when")
def states() -> None:
    digest = "sha256:" + "5" * 64
    base = f"docker.io/library/swift:{BASE_TAG}@{digest}"
    with registry() as ecr:
        others = ["--", f"--build-arg=SWIFT_IMAGE={base}"]
        process = ecr.build("--tag", "v1", "--provenance", "kept", "--sbom", "kept", *others)
        assert process.returncode == 0, process.stderr
        for name, target in (("agent-sidecar", "sidecar"), ("scale-up", "endpoint")):
            statement = json.loads((ecr.folder / f"kept/{name}.intoto.json").read_text())
            assert statement["_type"] == "https://in-toto.io/Statement/v1"
            assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
            subject = {
                "name": f"{REGISTRY}/{name}",
                "digest": {"sha256": hashlib.sha256(f"{name}:v1".encode()).hexdigest()},
            }
            assert statement["subject"] == [subject]
            definition, run = (
                statement["predicate"][part] for part in ("buildDefinition", "runDetails")
            )
            assert definition["buildType"].endswith("/docker/build")
            assert definition["externalParameters"] == {
                "target": target, "platform": "linux/arm64", "furtherOptions": True
            }  # fmt: skip
            began_with, commit = definition["resolvedDependencies"]
            assert began_with == {
                "uri": f"docker://{base}",
                "digest": {"sha256": digest.removeprefix("sha256:")},
            }
            head = subprocess.run(
                ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
            ).stdout.strip()
            # A commit that something was changed since is no material.
            assert commit.get("digest", {"gitCommit": head}) == {"gitCommit": head}
            assert commit.get("annotations", {"changed since": head}) == {"changed since": head}
            assert ("digest" in commit) != ("annotations" in commit)
            assert run["builder"]["id"].startswith("arn:aws:sts::123456789012:")
            moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
            assert all(re.fullmatch(moment, text) for text in run["metadata"].values())
            kept = (ecr.folder / f"kept/{name}.cdx.json").read_bytes()
            assert run["byproducts"] == [
                {
                    "name": f"{name}.cdx.json",
                    "digest": {"sha256": hashlib.sha256(kept).hexdigest()},
                }
            ]
        labels = [word for call in ecr.calls("docker", "build") for word in call]
        assert labels.count(f"org.opencontainers.image.base.digest={digest}") == 2


@check("docker/build waits until ECR has signed what it pushed, and fails where it has not")
def signed() -> None:
    def asked(ecr: Registry) -> int:
        return len(ecr.calls("aws", "ecr", "describe-image-signing-status"))

    with registry() as ecr:
        ecr.set(signing=["None", "IN_PROGRESS", "COMPLETE\tIN_PROGRESS", "COMPLETE"])
        process = ecr.build("--tag", "v1", "--signed", "--agent", "none")
        assert process.returncode == 0, process.stderr
        assert asked(ecr) == 5 and len(ecr.calls("sleep")) == 3
        assert process.stderr.count("is signed") == 2
        ecr.set(signing=["IN_PROGRESS", "COMPLETE\tFAILED"])
        process = ecr.build("--tag", "v2", "--signed", "--tfvars", "x", "--agent", "none")
        assert process.returncode == 2 and "the profile is revoked" in process.stderr
        assert "ECR did not sign agent-sidecar@sha256:" in process.stderr
        ecr.set(signing=["None"])
        process = ecr.build("--tag", "v3", "--signed", "--tfvars", "x", "--agent", "none")
        assert process.returncode == 2 and "does a signing rule name" in process.stderr
        # What is not signed is not named for Terraform.
        assert not (ecr.folder / "x").exists()
        assert ecr.build("--tag", "v4").returncode == 0 and asked(ecr) == 0


@check("docker/build --fresh does every step again, once for both images, from the newest base")
def fresh() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    first_step = re.search(r"^(COPY|RUN) ", text, re.M).start()
    assert text.index('ARG FRESH=""') in range(text.index("FROM "), first_step)
    with registry() as ecr:
        for given in (True, False):
            # A second has one default tag.
            words = ["--tag", f"fresh-{given}", *(["--fresh"] if given else [])]
            process = ecr.build("--agent", "none", *words)
            assert process.returncode == 0, process.stderr
            calls = ecr.calls("docker", "build")
            assert len(calls) == 2
            assert all(("--pull" in call) == given for call in calls)
            values = [word for call in calls for word in call if word.startswith("FRESH=")]
            assert len(set(values)) == given and len(values) == 2 * given, values
            assert not given or len(values[0]) > len("FRESH=2026")


@check("every call of the aws CLI in docker/build is one that AWS knows")
def known_calls() -> None:
    text = re.sub(r"\\\n", " ", (DOCKER / "build").read_text())
    calls = re.findall(r"aws (ecr|sts) ([a-z-]+)([^|\n]*)", text)
    assert len({command for _, command, _ in calls}) == 8
    session = botocore.session.get_session()
    for service, command, rest in calls:
        if command == "get-login-password":
            continue  # the CLI's own, around GetAuthorizationToken
        model = session.get_service_model(service)
        names = {botocore.xform_name(name, "-"): name for name in model.operation_names}
        shape = model.operation_model(names[command]).input_shape
        known = {botocore.xform_name(name, "-") for name in (shape.members if shape else {})}
        given = set(re.findall(r" --([a-z-]+)", rest)) - {"region", "query", "output"}
        assert given <= known, f"{service} {command}: {given - known}"


def version() -> str:
    text = (ROOT / "Sources/ProductVersion/ProductVersion.swift").read_text()
    return re.search(r'current = "(.+)"', text)[1]


def files(root: pathlib.Path) -> dict[str, int]:
    """Sizes by path; proc is a mount point that running leaves."""
    return {
        str(path.relative_to(root)): path.lstat().st_size
        for path in root.rglob("*")
        if not path.is_dir() and path.relative_to(root).parts[0] != "proc"
    }


for _name, _executables in (
    ("sidecar", ["agent-launcher", "agent-sidecar"]),
    ("endpoint", ["scale-up", "scale-up-lambda", "scale-up-server"]),
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


for _name, _limit in LIMITS_BYTES.items():

    @check(f"the {_name}'s image is at most {_limit // 1_000_000} MB")
    def small(name: str = _name, limit: int = _limit) -> None:
        assert sum(files(images.image(name)).values()) <= limit


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


@check("every program is loaded at any address, bound at its start, then write-protected")
def hardened() -> None:
    expected = {"any address", "bound at the start", "write-protected"}
    programs = [
        program
        for name in ("sidecar", "endpoint")
        for program in (images.image(name) / "usr/local/bin").iterdir()
    ]
    assert len(programs) == 5
    for program in programs:
        # The launcher runs in whatever image the agent has, so it needs no loader there.
        loaded = set() if program.name == "agent-launcher" else {"loader"}
        assert hardening(program) == expected | loaded, f"{program.name}: {hardening(program)}"


def sections(program: pathlib.Path) -> dict[str, bytes]:
    """What an ELF file of 64 bits has by name, without what it has at run time alone (elf(5))."""
    data = program.read_bytes()
    (offset,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + i * size) for i in range(count)]
    texts = data[headers[names][4] :]
    return {
        texts[name : texts.index(b"\0", name)].decode(): data[start : start + length]
        for name, kind, _, _, start, length in headers
        if kind != 8
    }


@check("no program holds what differs from one build to the next")
def reproducible() -> None:
    """Two builds are compared by Tests/deployment/reproduce.py, which takes minutes."""
    for name in ("sidecar", "endpoint"):
        for program in (images.image(name) / "usr/local/bin").iterdir():
            found = sections(program)
            assert len(found[".swift_modhash"]) > 100 and not any(found[".swift_modhash"])
            assert ".note.gnu.build-id" not in found and ".text" in found


@check("the launcher is small")
def small_launcher() -> None:
    launcher = images.image("sidecar") / "usr/local/bin/agent-launcher"
    assert launcher.stat().st_size <= LAUNCHER_LIMIT_BYTES


# Told so, it reads the bills of materials that it finds, as others do unasked.
BILLS_TOO = ("--select-catalogers", "+sbom-cataloger")
# The Swift packages that sidecar and launcher are linked with; the endpoint has more.
SIDECAR_PACKAGES = {"swift-argument-parser", "swift-crypto"}


def scanned(archive: pathlib.Path) -> tuple[str, dict[tuple[str, str], str]]:
    """What a scanner that we did not write finds in an image: its distribution, and versions by
    kind and name of package."""
    process = subprocess.run(
        [ROOT / ".venv/bin/syft", f"oci-archive:{archive}", "--output", "json", *BILLS_TOO],
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    document = json.loads(process.stdout)
    distribution = f"{document['distro']['id']} {document['distro']['versionID']}"
    return distribution, {
        (artifact["type"], artifact["name"]): artifact["version"]
        for artifact in document["artifacts"]
    }


for _name in ("sidecar", "endpoint"):

    @check(f"the {_name}'s bill of materials names what is linked, in the image and beside it")
    def bill(name: str = _name) -> None:
        file = images.image(name) / f"usr/local/share/sbom/{images.REPOSITORIES[name]}.cdx.json"
        assert images.bill(name).read_text() == file.read_text()
        document = json.loads(file.read_text())
        assert document["bomFormat"] == "CycloneDX"
        assert document["metadata"]["component"]["version"] == version()
        components = {part["bom-ref"]: part for part in document["components"]}
        assert len(components) == len(document["components"])
        for link in document["dependencies"]:
            assert link["ref"] in {*components, images.REPOSITORIES[name]}
            assert set(link["dependsOn"]) <= set(components)
        linked = {link["ref"]: link["dependsOn"] for link in document["dependencies"]}

        pinned = re.findall(
            r'\("https://(\S+?)", "([\d.]+)"\)', (ROOT / "Package.swift").read_text()
        )
        assert len(pinned) > 20
        versions = {f"pkg:swift/{place}": number for place, number in pinned}
        swift = dict(ref.split("@") for ref in components if ref.startswith("pkg:swift/"))
        assert swift.items() <= versions.items(), swift
        names = {ref.rpartition("/")[2] for ref in swift}
        if name == "sidecar":
            assert names == SIDECAR_PACKAGES, names
        else:
            assert names > SIDECAR_PACKAGES | {"hummingbird", "swift-log", "swift-nio"}, names

        # What they carry along, which no list of packages tells.
        crypto = next(ref for ref in linked if "/swift-crypto@" in ref)
        boring = next(ref for ref in linked[crypto] if ref.startswith("pkg:generic/boringssl@"))
        assert re.fullmatch("[0-9a-f]{40}", components[boring]["version"])
        carried = {components[ref]["name"] for refs in linked.values() for ref in refs}
        assert {"swift", "boringssl", "xkcp"} <= carried
        # The server's parser, and nowhere ICU, which is larger than all the rest.
        assert carried & {"llhttp", "icu"} == (set() if name == "sidecar" else {"llhttp"}), carried

        # The Debian packages, as the list for scanners has them.
        status = images.image(name) / "var/lib/dpkg/status.d"
        listed = {
            tuple(re.search(rf"^{field}: (\S+)$", file.read_text(), re.M)[1] for field in FIELDS)
            for file in status.iterdir()
        }
        debian = {ref for ref in components if ref.startswith("pkg:deb/debian/")}
        assert {(components[ref]["name"], components[ref]["version"]) for ref in debian} == listed

    @check(f"a scanner names what the {_name}'s image holds, and an old package if one is there")
    def scanner(name: str = _name) -> None:
        with tempfile.TemporaryDirectory() as folder:
            archive, old = pathlib.Path(folder, "archive"), pathlib.Path(folder, "old")
            images.archive(name, archive)
            distribution, found = scanned(archive)
            assert distribution == "debian 12", distribution
            document = json.loads(images.bill(name).read_text())
            for part in document["components"]:
                kind = part["purl"].removeprefix("pkg:").partition("/")[0]
                if kind in ("deb", "swift"):
                    assert found.get((kind, part["name"])) == part["version"], (part, found)
            (old / "var/lib/dpkg/status.d").mkdir(parents=True)
            (old / "var/lib/dpkg/status.d/zlib1g").write_text(
                "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\n"
                "Source: zlib\nVersion: 1:1.2.11.dfsg-2\n"
            )
            assert ("deb", "zlib1g") not in found
            images.archive(name, archive, old)
            _, with_old = scanned(archive)
            assert with_old.pop(("deb", "zlib1g")) == "1:1.2.11.dfsg-2"
            assert with_old == found


@check("in its image the sidecar helps, and says what is missing")
def sidecar_speaks() -> None:
    root = images.image("sidecar")
    sidecar = "/usr/local/bin/agent-sidecar"
    code, said = images.finish(root, [sidecar, "--help"])
    assert code == 0 and "SUBCOMMANDS" in said, said
    for command in ("deliver", "run"):
        code, said = images.finish(root, [sidecar, command])
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
        program = "/usr/local/bin/agent-sidecar"
        code, said = images.finish(root, [program, "deliver"], settings=settings, volume=volume)
        assert code == 0, said
        sidecar = images.start(root, [program, "run"], settings, volume)
        stack.callback(sidecar.wait)
        stack.callback(sidecar.kill)
        footprint.wait_for("allowed", (volume / "allowed").exists, sidecar)
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
