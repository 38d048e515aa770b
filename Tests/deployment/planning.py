"""Plans of the module and its examples, made once for each set of inputs."""

import atexit
import functools
import itertools
import json
import pathlib
import shutil
import tempfile

import terraform
from provider import Provider, serve

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODULE = ROOT / "ecs-task-def"
README = MODULE / "README.md"
WHEELS = ROOT / ".venv-schemas"
EXAMPLES = sorted(path for path in (MODULE / "examples").iterdir() if path.is_dir())
REPOSITORIES = MODULE / "repositories"

REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
TOKEN = "agent.atlasv1.secret-of-the-pool"
API_TOKEN = "user.atlasv1.secret-of-a-person"
HMAC_KEY = "a-key-of-my-own-choice"
NOTIFICATION_TOKEN = "a-token-of-my-own-choice"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
# What the module cannot do without.
LEAST = {
    "prefix": "tfc",
    "tfc_agent_token": TOKEN,
    "sidecar_image": f"{REGISTRY}/agent-sidecar:v1",
    "endpoint_image": f"{REGISTRY}/scale-up:v1",
}
WITH_API = {
    "tfe_token": API_TOKEN,
    "terraform_api": {
        "organization": "example",
        "agent_pool_name": "ecs",
        "agent_pool_id": "apool-abc123",
    },
}
AS_SERVICE = {
    "endpoint": "service",
    "endpoint_domain": "scale-up.example.com",
    "endpoint_certificate_arn": "arn:aws:acm:eu-central-1:123456789012:certificate/abc",
}
# What another module's output pool is like.
OTHER_POOL = {
    "cluster": "other",
    "service": "other-agents",
    "ledger_table": "other-ledger",
    "capacity_providers": ["FARGATE_SPOT"],
    "subnet_ids": ["subnet-8", "subnet-9"],
    "assign_public_ip": False,
    "enable_execute_command": False,
    "kms_key_arns": ["arn:aws:kms:eu-central-1:123456789012:key/of-another"],
}
# Every branch of the module is in one of them.
VARIANTS = {
    "the least": {},
    "everything, with a function": {
        **WITH_API,
        "region": "eu-central-1",
        "cpu_architecture": "ARM64",
        "task_cpu": 2048,
        "task_mem": 8192,
        "task_def_cpu": 1984,
        "task_def_mem": 8128,
        "spot_share": 30,
        "desired_count": 2,
        "max_count": 20,
        "spare_count": 1,
        "schedules": [
            {"name": "day", "expression": "cron(0 7 ? * MON-FRI *)", "desired_count": 5},
            {
                "name": "night",
                "expression": "cron(0 19 ? * MON-FRI *)",
                "timezone": "Europe/Berlin",
                "desired_count": 0,
            },
        ],
        "agent_mode": "shared",
        "announce_workspaces": ["prod-*", "staging"],
        "availability_zone_count": 3,
        "notification_token": HMAC_KEY,
        "notifications": {"own_token": True, "announce_run_created": True},
        "notification_configuration_token": NOTIFICATION_TOKEN,
        "terraform_dev_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "common_tags": {"team": "platform"},
        "ttl": "24",
    },
    "a service in an existing network, without the task role": {
        **WITH_API,
        **AS_SERVICE,
        "network": {"vpc_id": "vpc-0123", "subnet_ids": ["subnet-1", "subnet-2"]},
        "agent_uses_task_role": False,
        "agent_image": "registry.example.com/tfc-agent:1.33.0",
        "sidecar_image": "registry.example.com/agent-sidecar@sha256:" + "0" * 64,
        "spot_share": 100,
    },
    "a service in a new network": {**AS_SERVICE, "endpoint_internal": True},
}


@functools.cache
def stage() -> tuple[pathlib.Path, str]:
    """A copy of the module, and the address of its stand-in providers."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="module-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(MODULE, folder / "m", ignore=shutil.ignore_patterns(".terraform*", "*.tfvars"))
    types: dict[str, tuple[set[str], set[str]]] = {}
    for place in [MODULE, REPOSITORIES, *EXAMPLES]:
        for name, (resources, data) in terraform.types_in(place).items():
            pair = types.setdefault(name, (set(), set()))
            pair[0].update(resources)
            pair[1].update(data)
    providers = {name: Provider(WHEELS, name, *pair) for name, pair in types.items()}
    servers, reattach = serve(folder, providers)
    for server in servers:
        atexit.register(server.stop, None)
    return folder / "m", reattach


def run(command: str, place: str = ".", **options) -> terraform.Outcome:
    folder, reattach = stage()
    return terraform.run(folder / place, command, reattach, **options)


class Plan:
    """What a plan would make."""

    def __init__(self, document: dict) -> None:
        self.document = document
        self.resources = {
            resource["address"]: resource["values"]
            for resource in document["planned_values"]["root_module"].get("resources", [])
        }
        self.outputs = document["planned_values"].get("outputs", {})

    @classmethod
    def of_resources(cls, resources: dict[str, dict]) -> "Plan":
        """Of values by address."""
        listed = [{"address": a, "values": v} for a, v in resources.items()]
        return cls({"planned_values": {"root_module": {"resources": listed}}})

    def one(self, address: str) -> dict:
        return self.resources[address]

    def of(self, kind: str) -> dict[str, dict]:
        return {a: v for a, v in self.resources.items() if a.startswith(kind + ".")}

    @property
    def containers(self) -> dict[str, dict]:
        text = self.one("aws_ecs_task_definition.agents")["container_definitions"]
        return {container["name"]: container for container in json.loads(text)}


numbers = itertools.count()


def attempt(inputs: dict, **options) -> terraform.Outcome:
    """Plans the module with these inputs instead of, or besides, the least ones."""
    given = {key: value for key, value in {**LEAST, **inputs}.items() if value is not None}
    folder, _ = stage()
    # A value given as -var is text; a file keeps lists and numbers what they are.
    inputs_file = f"inputs-{next(numbers)}.tfvars.json"
    (folder / inputs_file).write_text(json.dumps(given))
    # There is no state to guard, and several plan at once.
    return run("plan", var_files=[inputs_file], lock=False, **options)


@functools.cache
def variant(name: str) -> Plan:
    return plan(VARIANTS[name])


def plan(inputs: dict) -> Plan:
    outcome = attempt(inputs, out="plan")
    assert outcome.succeeded, outcome.complaints
    return Plan(run("show", path="plan").value)
