"""Builds the images with buildah, without a daemon and without a registry, and runs what is inside.

The official swift image cannot be pulled everywhere. In its place stands one made here: Debian by
debootstrap, with the packages that the official image has, and this machine's Swift toolchain
mounted into it. The Dockerfiles are built whole, by docker/build, as everybody builds them. What is
made is kept in .build-images, so that only a first build is long."""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

from checks import Skipped

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".build-images"
BASE = "localhost/swift-of-this-machine:bookworm"
# What the official image has besides Swift (its Dockerfile for Debian 12), as far as we need it.
PACKAGES = [
    "binutils", "ca-certificates", "dpkg-dev", "git", "libc6-dev", "libcurl4", "libedit2",
    "libgcc-12-dev", "libncurses6", "libsqlite3-0", "libssl-dev", "libstdc++-12-dev", "libxml2",
    "make", "pkg-config", "tzdata", "zlib1g-dev",
]  # fmt: skip

# Names of the images, without registry and tag.
REPOSITORIES = {"sidecar": "agent-sidecar", "endpoint": "scale-up"}
# Working containers that images are looked at through.
containers: list[str] = []


def confined(driver: str) -> dict[str, str]:
    """What makes buildah keep to our folder."""
    (CACHE / "tmp").mkdir(parents=True, exist_ok=True)
    file = CACHE / f"{driver}.conf"
    store, run = CACHE / f"{driver}-store", CACHE / f"{driver}-run"
    file.write_text(f'[storage]\ndriver = "{driver}"\ngraphroot = "{store}"\nrunroot = "{run}"\n')
    return dict(
        os.environ,
        BUILDAH_ISOLATION="chroot",
        CONTAINERS_STORAGE_CONF=str(file),
        TMPDIR=str(CACHE / "tmp"),
    )


@functools.cache
def driver() -> str:
    """How layers are stored: overlay where the kernel allows it, as it does not inside most
    containers, else whole copies."""
    attempt = "c=$(buildah from scratch) && buildah mount $c >/dev/null && buildah rm $c >/dev/null"
    process = subprocess.run(["sh", "-c", attempt], env=confined("overlay"), capture_output=True)
    return "overlay" if process.returncode == 0 else "vfs"


def environment() -> dict[str, str]:
    return confined(driver())


def buildah(*arguments: str) -> str:
    return run(["buildah", *arguments])


def run(command: list, variables: dict[str, str] | None = None) -> str:
    """Runs a command to its end; its output, or an error with all that it said."""
    process = subprocess.run(
        command,
        env=environment() | (variables or {}),
        capture_output=True,
        text=True,
        timeout=2000,
    )
    if process.returncode != 0:
        said = (process.stdout + process.stderr)[-8000:]
        raise RuntimeError(f"{command}: exit code {process.returncode}\n{said}")
    return process.stdout.strip()


@functools.cache
def toolchain() -> pathlib.Path:
    """The folder of this machine's Swift, which must be one of its own to be mounted elsewhere."""
    swift = shutil.which("swift")
    assert swift, "swift is not installed"
    folder = pathlib.Path(swift).resolve().parent.parent
    if folder.parent == pathlib.Path("/"):
        raise Skipped(f"Swift is installed in {folder}, among other things")
    return folder


@functools.cache
def require() -> None:
    """Skips where images cannot be built, or are not to be."""
    if os.environ.get("SKIP_IMAGES"):
        raise Skipped("SKIP_IMAGES is set")
    if os.geteuid() != 0:
        raise Skipped("building images without a daemon takes root here")
    for program in ("buildah", "debootstrap", "unshare"):
        if not shutil.which(program):
            raise Skipped(f"{program} is not installed")
    toolchain()
    try:
        container = buildah("from", "scratch")
        buildah("rm", container)
        run(["unshare", "--mount", "--pid", "--fork", "true"])
    except RuntimeError as error:
        raise Skipped(f"this machine cannot build images: {error}") from error


def make_base() -> None:
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return
    with tempfile.TemporaryDirectory(dir=CACHE / "tmp") as root:
        run(
            ["debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), "bookworm"]
            + [root]
        )
        container = buildah("from", "scratch")
        buildah("copy", "--quiet", container, root, "/")
        path = f"{toolchain()}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        buildah("config", "--env", f"PATH={path}", container)
        buildah("commit", "--quiet", "--rm", container, BASE)


def mounts() -> list[str]:
    """The toolchain, and where this machine's git finds packages if that is on its disk."""
    places = [str(toolchain())]
    found = subprocess.run(
        ["git", "config", "--get-regexp", r"^url\..*\.insteadof$"], capture_output=True, text=True
    ).stdout
    lines = ""
    for line in found.splitlines():
        key, _, address = line.partition(" ")
        folder = key[len("url.") : -len(".insteadof")]
        if folder.startswith("/"):
            places.append(folder)
            lines += f'[url "{folder}"]\n    insteadOf = {address}\n'
    options = [f"--volume={place}:{place}:ro" for place in sorted(set(places))]
    if lines:
        file = CACHE / "gitconfig"
        file.write_text(lines)
        options.append(f"--volume={file}:/etc/gitconfig:ro")
    return options


def build_at(
    place: pathlib.Path, tag: str, further: list[str], variables: dict[str, str] | None = None
) -> None:
    """Builds both images from the sources in a folder, as everybody does."""
    make_base()
    command = [place / "docker/build", "--tool", "buildah", "--tag", tag]
    command += ["--sbom", CACHE / "bills", "--"]
    options = [f"--build-arg=SWIFT_IMAGE={BASE}", "--pull-never", *mounts(), *further]
    # Where keeping each step costs a copy of everything, none is kept.
    options += [] if driver() == "overlay" else ["--layers=false"]
    run([*command, *options], variables)


@functools.cache
def build() -> None:
    require()
    build_at(ROOT, "test", [])


@functools.cache
def root_of(name: str, tag: str) -> pathlib.Path:
    """The folder that holds the root of the image `sidecar` or `endpoint`."""
    return pathlib.Path(buildah("mount", container_of(name, tag)))


def image(name: str) -> pathlib.Path:
    build()
    return root_of(name, "test")


def container_of(name: str, tag: str = "test") -> str:
    """A new working container of an image that is built."""
    container = buildah("from", "--pull-never", f"localhost/{REPOSITORIES[name]}:{tag}")
    containers.append(container)
    return container


def bill(name: str) -> pathlib.Path:
    """The bill of materials that the build put beside an image."""
    image(name)
    return CACHE / f"bills/{REPOSITORIES[name]}.cdx.json"


def archive(name: str, file: pathlib.Path, planted: pathlib.Path | None = None) -> None:
    """Writes an image as an archive of the OCI, with the files of a folder put into it."""
    image(name)
    file.unlink(missing_ok=True)
    container = container_of(name)
    if planted:
        buildah("copy", "--quiet", container, str(planted), "/")
    buildah("commit", "--quiet", "--format", "oci", container, f"oci-archive:{file}")


# As in a task: a root that cannot be written, a PID namespace of its own, and one volume.
START = """set -e
root=$1 volume=$2 user=$3
shift 3
mount --bind "$root" "$root"
mkdir -p "$root/proc"
mount -t proc proc "$root/proc"
[ -z "$volume" ] || mount --bind "$volume" "$root/run/agent-link"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" "$@"
"""


def start(
    root: pathlib.Path,
    command: list[str],
    settings: dict[str, str] | None = None,
    volume: pathlib.Path | str = "",
    user: str = "0:0",
    **options,
) -> subprocess.Popen:
    """Starts a command inside an image; it ends with its process here."""
    wrapper = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", START, "start"]
    return subprocess.Popen(
        [*wrapper, root, volume, user, *command],
        # The wrapper's programs are found by it; in the image nothing is looked for.
        env={**(settings or {}), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def finish(root: pathlib.Path, command: list[str], **options) -> tuple[int, str]:
    """Runs a command inside an image to its end; exit code and output."""
    with start(root, command, **options) as process:
        try:
            said, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, said


def close() -> None:
    """Removes the working containers that were made here; images and caches stay."""
    for container in containers:
        buildah("rm", container)


if __name__ == "__main__":
    # Built ahead of the checks, beside other tests.
    try:
        build()
    except Skipped as reason:
        print(f"    no images: {reason}")
