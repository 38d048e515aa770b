"""Builds both images a second time, elsewhere and from nothing, and compares them with the first:
every file, byte by byte. Minutes, so not part of Tests/run.

    .venv/bin/python Tests/deployment/reproduce.py
"""

import hashlib
import os
import pathlib
import shutil
import sys
import tempfile
import time

import images


def contents(root: pathlib.Path) -> dict[str, str]:
    """What each file of an image is: its mode and its bytes, or where it points."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(root))] = f"to {os.readlink(path)}"
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = f"{path.stat().st_mode:o} {digest}"
    return found


def copy_of_sources(place: pathlib.Path) -> None:
    """Another folder, with files of another age."""
    for name in ("Package.swift", ".dockerignore"):
        shutil.copyfile(images.ROOT / name, place / name)
    for name in ("Sources", "Tests", "docker"):
        shutil.copytree(images.ROOT / name, place / name, copy_function=shutil.copyfile)
    for program in ("build", "libcurl", "compile", "root", "sbom"):
        (place / "docker" / program).chmod(0o755)


def main() -> int:
    images.build()
    differing = 0
    with tempfile.TemporaryDirectory(dir=images.CACHE / "tmp") as folder:
        elsewhere = pathlib.Path(folder, "another", "place")
        scratch = pathlib.Path(folder, "scratch")
        for new in (elsewhere, scratch):
            new.mkdir(parents=True)
        copy_of_sources(elsewhere)
        # A value of its own takes no step from the cache; what earlier builds compiled is under
        # another temporary folder.
        fresh = f"--build-arg=FRESH={time.time_ns()}"
        images.build_at(elsewhere, "again", [fresh], {"TMPDIR": str(scratch)})
        for name in images.REPOSITORIES:
            first, second = (contents(images.root_of(name, tag)) for tag in ("test", "again"))
            for path in sorted(first.keys() | second.keys()):
                if first.get(path) != second.get(path):
                    differing += 1
                    print(f"{name}: {path}: {first.get(path)}, then {second.get(path)}")
            print(f"{name}: {len(first)} files, {len(second)} the second time")
    images.close()
    print("the same bytes" if differing == 0 else f"{differing} files differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
