"""How others call the module: with values that are known only after another resource of the same
apply is made, and in the order in which a first apply makes things."""

import concurrent.futures
import functools
import json
import os
import re

import planning
from checks import check
from planning import AS_SERVICE, OTHER_POOL, WITH_API

ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
SECRET = ARN.format("secretsmanager", "secret:platform/agents-AbCdEf")
PARAMETER = ARN.format("ssm", "parameter/platform/agents")
KEY = ARN.format("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")

# Which resources there are depends on these, so they must be known when Terraform plans; of lists
# and maps it is the length and the keys.
DECISIONS = {
    "agent_uses_task_role",
    "alarms.except",
    "alarms.no_calls_hours",
    "availability_zone_count",
    "dashboard",
    "endpoint",
    "function_in_vpc",
    "max_count",
    "notifications.own_token",
    "schedules.name",
}

GIVEN = {
    "prefix": "tfc",
    "region": "eu-central-1",
    "tfc_agent_token": planning.TOKEN,
    "sidecar_image": planning.LEAST["sidecar_image"],
    "endpoint_image": planning.LEAST["endpoint_image"],
    "agent_image": f"{planning.REGISTRY}/tfc-agent:1.33.0",
    **WITH_API,
    "agent_command": ["/opt/start-agent"],
    "registry_credentials": {"agent": {"arn": SECRET}, "sidecar": {"arn": SECRET}},
    "ecr_pull_through_cache": True,
    "cpu_architecture": "ARM64",
    "task_cpu": 1024,
    "task_mem": 2048,
    "task_def_cpu": 512,
    "task_def_mem": 1024,
    "ephemeral_storage_gib": 50,
    "agent_open_files": 65536,
    "spot_share": 50,
    "environment": {"agent": {"A": "a"}, "sidecar": {"B": "b"}, "endpoint": {"C": "c"}},
    "container_secrets": {"agent": {"D": SECRET}, "sidecar": {"E": PARAMETER}},
    "volumes": {
        "cache": {"efs": {"file_system_id": "fs-1", "access_point_id": "fsap-1", "iam": True}},
        "scratch": {},
    },
    "mounts": {"agent": [{"volume": "cache", "path": "/cache", "read_only": False}]},
    "extra_containers": [{"name": "scanner", "image": f"{planning.REGISTRY}/scanner:v1"}],
    "agent_uses_task_role": True,
    "terraform_dev_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    "desired_count": 1,
    "max_count": 5,
    "spare_count": 1,
    "schedules": [
        {"name": "a", "expression": "rate(1 day)", "timezone": "UTC", "desired_count": 1}
    ],
    "idle_timeout_seconds": 120,
    "first_job_timeout_seconds": 300,
    "max_lifetime_seconds": 600,
    "protection_minutes": 60,
    "announced_job_timeout_seconds": 3600,
    "hand_over_limit_seconds": 300,
    "allowed_addresses": ["192.0.2.0/24", "2001:db8::1"],
    "trusted_proxies": ["10.0.1.0/24"],
    "ca_bundle": planning.CERTIFICATE,
    "tfc_address": "https://app.terraform.io",
    "notification_token": planning.HMAC_KEY,
    "notifications": {"own_token": True, "announce_run_created": True},
    "notification_configuration_token": planning.NOTIFICATION_TOKEN,
    "endpoint": "lambda",
    "pools": [
        {
            "name": "plans",
            "pool": OTHER_POOL,
            "when": {"stages": ["pre_plan"], "workspaces": ["prod-*"], "tags": ["prod"]},
            "agent_pool_name": "plans",
        },
        {"name": "own", "default": True},
    ],
    "announce_stages": ["pre_plan"],
    "announce_workspaces": ["prod-*"],
    "network": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]},
    "assign_public_ip": True,
    "security_group_ids": ["sg-1"],
    "egress": {"all": {"cidr_ipv6": "::/0"}},
    "endpoint_egress": {"all": {"cidr_ipv4": "10.0.0.0/8", "from_port": 443, "to_port": 443}},
    "proxy": {"url": "http://proxy.example.com:3128", "no_proxy": ["example.com"]},
    "use_fips_endpoints": True,
    "use_dualstack_endpoints": True,
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
    "role_path": "/platform/",
    "kms_key": {"arn": KEY},
    "secrets_kms_key_arns": [KEY],
    "container_insights": "enhanced",
    "enable_execute_command": True,
    "function_in_vpc": True,
    "function_reserved_concurrency": 5,
    "metrics": True,
    "alarms": {
        "topic_arns": [ARN.format("sns", "on-call")],
        "except": ["at-max"],
        "run_waits_seconds": 600,
        "service_away_minutes": 20,
        "agents_exposed_minutes": 10,
        "at_max_minutes": 30,
        "no_calls_hours": 12,
    },
    "dashboard": True,
    "log_retention_days": 30,
    "log_level": "info",
    "common_tags": {"team": "platform"},
    "ttl": "24",
}
# What the first call leaves out.
OTHERS = {
    "prefix": "other",
    "sidecar_image": planning.LEAST["sidecar_image"],
    "endpoint_image": planning.LEAST["endpoint_image"],
    **AS_SERVICE,
    "agent_mode": "renewed",
    "agent_user": "builder",
    "agent_keep": ["/home/builder/cache"],
    "max_jobs": 20,
    "terraform_api": WITH_API["terraform_api"],
    "existing_secrets": {
        name: {"arn": PARAMETER}
        for name in ("agent_token", "hmac_key", "notification_configuration_token", "tfe_token")
    },
    "notifications": {"own_token": True},
    "registry_credentials": {"endpoint": {"arn": SECRET}},
    "container_secrets": {"endpoint": {"F": SECRET}},
    "endpoint_subnet_ids": ["subnet-1", "subnet-2"],
    "endpoint_internal": True,
    "endpoint_ingress": {"all": {"cidr_ipv4": "10.0.0.0/8"}, "own": {"security_group_id": "sg-1"}},
    "ip_cidr_vpc": "10.0.0.0/16",
    "ip_cidr_agent_subnet": "10.0.0.0/22",
    "availability_zone_count": 2,
    "aws_endpoints": {name: f"https://{name}.example.com" for name in ("ecs", "dynamodb", "ssm")},
    "ecs_cluster": {"name": "shared"},
}


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Where an input has a value by itself, in whatever it is made of."""
    if isinstance(value, dict):
        return [place for k, v in value.items() for place in places(v, (*path, k))]
    if isinstance(value, list):
        return [place for i, v in enumerate(value) for place in places(v, (*path, i))]
    return [path]


def named(path: tuple) -> str:
    return ".".join(step for step in path if isinstance(step, str))


# In place of resources: the values are known, and sensitive.
SECRETS: dict[str, dict] = {"known": {"input": ""}}


def computed(inputs: dict, unknown: set[tuple], resources: dict, path: tuple = ()) -> object:
    """The inputs, with resources that know the values at some places only when they are made."""
    if isinstance(inputs, dict):
        return {k: computed(v, unknown, resources, (*path, k)) for k, v in inputs.items()}
    if isinstance(inputs, list):
        return [computed(v, unknown, resources, (*path, i)) for i, v in enumerate(inputs)]
    if path not in unknown:
        return inputs
    if resources is SECRETS:
        return f"${{sensitive({json.dumps(inputs)})}}"
    name = "later" + str(len(resources))
    resources[name] = {"input": inputs}
    return f"${{terraform_data.{name}.output}}"


# Terraform's time for a plan grows faster than what is in it.
CALLS_AT_ONCE = 12


def call(
    calls: dict[str, tuple[dict, set[tuple]]], is_secret: bool = False
) -> dict[str, dict[str, dict]]:
    """What is planned by configurations that call the module with these inputs, of which some are
    known only after apply, or sensitive: values by address, by the name of the call."""
    names = list(calls)
    parts = [
        {name: calls[name] for name in names[start : start + CALLS_AT_ONCE]}
        for start in range(0, len(names), CALLS_AT_ONCE)
    ]
    planning.stage()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(functools.partial(call_at_once, is_secret=is_secret), parts)
        return {name: plan for part in found for name, plan in part.items()}


def call_at_once(
    calls: dict[str, tuple[dict, set[tuple]]], is_secret: bool
) -> dict[str, dict[str, dict]]:
    folder, _ = planning.stage()
    place = f"callers/{next(planning.numbers)}"
    (folder / place).mkdir(parents=True)
    # Never empty, which is no configuration in JSON.
    resources: dict[str, dict] = SECRETS if is_secret else {"known": {"input": ""}}
    modules = {
        name: {
            "source": "../..",
            "depends_on": ["terraform_data.known"] if name.startswith("after_") else [],
            **computed(inputs, unknown, resources),
        }
        for name, (inputs, unknown) in calls.items()
    }
    configuration = {"module": modules, "resource": {"terraform_data": resources}}
    (folder / place / "main.tf.json").write_text(json.dumps(configuration))
    outcome = planning.run("get", place)
    assert outcome.succeeded, outcome.complaints
    outcome = planning.run("plan", place, out="plan", lock=False)
    assert outcome.succeeded, outcome.complaints
    document = planning.run("show", place, path="plan").value
    return {
        child["address"].removeprefix("module."): {
            resource["address"].removeprefix(child["address"] + "."): resource.get("values", {})
            for resource in child.get("resources", [])
            if resource["mode"] == "managed"
        }
        for child in document["planned_values"]["root_module"]["child_modules"]
    }


def compared(calls: dict[str, tuple[dict, set[tuple]]], is_secret: bool = False) -> None:
    """Asserts that they plan what they would with every value known."""
    known = {name: (inputs, set()) for name, (inputs, _) in calls.items()}
    once = call({"known": known[next(iter(known))]})
    (expected,) = once.values()
    assert len(expected) > 20
    for name, found in call(calls, is_secret).items():
        assert set(found) == set(expected), f"{name}: {set(found) ^ set(expected)}"


def unknowable(inputs: dict) -> list[tuple]:
    return [path for path in places(inputs) if named(path) not in DECISIONS]


@check("whatever input is known only after apply, the module plans what it would have planned")
def in_turn() -> None:
    for inputs in (GIVEN, OTHERS):
        calls = {}
        for path in unknowable(inputs):
            calls["unknown_" + re.sub(r"\W", "_", ".".join(map(str, path)))] = (inputs, {path})
        compared(calls)


@check("with every input known only after apply at once the module plans all the same")
def at_once() -> None:
    for inputs in (GIVEN, OTHERS):
        compared({"all": (inputs, set(unknowable(inputs)))})


@check(
    "called with depends_on, where even account and region are asked for late, it plans the same"
)
def depends_on() -> None:
    for inputs in (GIVEN, OTHERS):
        compared({"after_others": (inputs, set()), "by_itself": (inputs, set())})
    late = {k: v for k, v in GIVEN.items() if k != "region"}
    role = call({"after_others": (late, set())})["after_others"]['aws_iam_role.this["task"]']
    assert role.get("name") is None, "the region was known"


@check("with every input sensitive, as what a parameter of SSM holds, it plans the same")
def sensitive() -> None:
    for inputs in (GIVEN, OTHERS):
        compared({"all": (inputs, set(unknowable(inputs)))}, is_secret=True)


@check("what decides which resources there are must be known, and nothing else is said to be")
def decisions() -> None:
    left = set(DECISIONS)
    for inputs in (GIVEN, OTHERS):
        for path in places(inputs):
            if named(path) not in left:
                continue
            try:
                call({"undecided": (inputs, {path})})
            except AssertionError as complaint:
                assert "cannot be determined until apply" in str(complaint), complaint
                left.remove(named(path))
    assert not left, f"need not be known: {sorted(left)}"


@check("every input is tried unknown, and the module's page names those that must be known")
def all_tried() -> None:
    page = planning.README.read_text()
    paragraph = page[page.index("Known must be") :]
    paragraph = paragraph[: paragraph.index("So\nwrite")]
    named_there = set(re.findall(r"`([\w.]+)`", paragraph))
    assert named_there == {name for step in DECISIONS for name in step.split(".")}, named_there
    text = (planning.MODULE / "variables.tf").read_text()
    names = set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    tried = set(GIVEN) | set(OTHERS)
    assert tried == names, tried ^ names


# Inputs that go together, and values for those that cannot be left out.
TOGETHER = {
    "network": {"network": None, "function_in_vpc": False},
    "terraform_api": {"terraform_api": None, "tfe_token": None, "pools": None},
    "tfe_token": {
        "tfe_token": None,
        "existing_secrets": {"tfe_token": {"arn": PARAMETER}},
    },
    "tfc_agent_token": {"tfc_agent_token": "another"},
    "notifications": {"notifications": None, "notification_configuration_token": None},
    "allowed_addresses": {"allowed_addresses": None, "trusted_proxies": None},
    "prefix": {"prefix": "another"},
    "sidecar_image": {"sidecar_image": "registry.example.com/agent-sidecar:v2"},
    "endpoint_image": {"endpoint_image": f"{planning.REGISTRY}/scale-up:v2"},
    "region": {"region": "eu-west-1"},
    "volumes": {"volumes": {}, "mounts": {}},
    "task_cpu": {"task_cpu": 2048, "task_mem": 4096},
    "task_mem": {"task_mem": 4096},
    # Set to what they are by default, above.
    "agent_uses_task_role": {"agent_uses_task_role": False},
    "idle_timeout_seconds": {"idle_timeout_seconds": 60},
    "first_job_timeout_seconds": {"first_job_timeout_seconds": 60},
    "announced_job_timeout_seconds": {"announced_job_timeout_seconds": 600},
    "tfc_address": {"tfc_address": "https://tfe.example.com"},
    "endpoint": {
        "function_in_vpc": False,
        "function_reserved_concurrency": None,
        **AS_SERVICE,
    },
    "log_level": {"log_level": "debug"},
    # What there is without alarms and dashboard, which need them.
    "metrics": {"metrics": False, "alarms": None, "dashboard": None},
    "log_retention_days": {"log_retention_days": 7},
    "endpoint_domain": {"endpoint_domain": "other.example.com"},
    "endpoint_certificate_arn": {"endpoint_certificate_arn": ARN.format("acm", "certificate/d")},
    "availability_zone_count": {"availability_zone_count": 3},
    "ip_cidr_vpc": {"ip_cidr_vpc": "10.0.0.0/20"},
    "ip_cidr_agent_subnet": {"ip_cidr_agent_subnet": "10.0.4.0/22"},
}
OTHERS_TOGETHER = TOGETHER | {
    "agent_mode": {"agent_mode": None, "agent_user": None, "agent_keep": None, "max_jobs": None},
    "endpoint": {"endpoint": None, "registry_credentials": None, "container_secrets": None},
    "terraform_api": {
        "terraform_api": None,
        "existing_secrets": {
            name: {"arn": PARAMETER}
            for name in ("agent_token", "hmac_key", "notification_configuration_token")
        },
    },
    "notifications": {
        "notifications": None,
        "existing_secrets": {
            name: {"arn": PARAMETER} for name in ("agent_token", "hmac_key", "tfe_token")
        },
    },
    "existing_secrets": {
        "existing_secrets": None,
        "terraform_api": None,
        "tfc_agent_token": planning.TOKEN,
    },
}


@check("every input does something")
def does_something() -> None:
    for inputs, together in ((GIVEN, TOGETHER), (OTHERS, OTHERS_TOGETHER)):
        calls: dict[str, tuple[dict, set[tuple]]] = {"as_it_is": (inputs, set())}
        for name in inputs:
            others = together.get(name, {name: None})
            changed = {k: v for k, v in {**inputs, **others}.items() if v is not None}
            calls[f"without_{name}"] = (changed, set())
        found = call(calls)
        idle = {name for name, plan in found.items() if plan == found["as_it_is"]}
        # The name in the URL is all that it is: an output.
        assert idle - {"without_endpoint_domain"} == {"as_it_is"}, idle


@check("lists and maps that are known only after apply as a whole are taken where none is counted")
def whole_lists() -> None:
    folder, _ = planning.stage()
    place = f"callers/{next(planning.numbers)}"
    (folder / place).mkdir(parents=True)
    (folder / place / "main.tf").write_text(
        """
        resource "terraform_data" "subnets" {
          input = ["subnet-1", "subnet-2"]
        }
        resource "terraform_data" "tags" {
          input = { team = "platform" }
        }
        module "agents" {
          source             = "../.."
          prefix             = "tfc"
          tfc_agent_token    = "token"
          sidecar_image      = "registry.example.com/agent-sidecar:v1"
          endpoint_image     = "registry.example.com/scale-up:v1"
          endpoint           = "service"
          endpoint_domain    = "scale-up.example.com"
          endpoint_certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/abc"
          network            = { vpc_id = "vpc-1", subnet_ids = terraform_data.subnets.output }
          endpoint_subnet_ids = terraform_data.subnets.output
          security_group_ids = terraform_data.subnets.output
          common_tags        = terraform_data.tags.output
        }
        """
    )
    outcome = planning.run("get", place)
    assert outcome.succeeded, outcome.complaints
    outcome = planning.run("plan", place, lock=False, out="plan")
    assert outcome.succeeded, outcome.complaints
    changes = planning.run("show", place, path="plan").value["resource_changes"]
    # Whether they are in the VPC is looked up when they are there, and not before they can be.
    (looked_up,) = (c for c in changes if ".data.aws_subnets.given" in c["address"])
    assert looked_up["change"]["actions"] == ["read"], looked_up


def edges() -> dict[str, set[str]]:
    """What each resource and output needs before it, all the way."""
    text = planning.run("graph", type="plan").value
    found: dict[str, set[str]] = {}
    for one, other in re.findall(r'"\[root\] ([^"]+)" -> "\[root\] ([^"]+)"', text):
        one, other = (node.removesuffix(" (expand)") for node in (one, other))
        found.setdefault(one, set()).add(other)

    def all_that(node: str) -> set[str]:
        reached: set[str] = set()
        left = [node]
        while left:
            new = found.get(left.pop(), set()) - reached
            reached |= new
            left += new
        return reached

    return {node: all_that(node) for node in found}


# One that comes later, and what must be there before.
BEFORE = [
    # Three writes of one policy.
    ("aws_lambda_permission.call_url", "aws_lambda_function_url.scale_up"),
    ("aws_lambda_permission.invoke_by_url", "aws_lambda_permission.call_url"),
    # A role is passed that is there, to something that needs what it may do.
    ("aws_ecs_task_definition.agents", "aws_iam_role.this"),
    ("aws_ecs_task_definition.endpoint", "aws_iam_role.this"),
    ("aws_iam_role.dev", "aws_iam_role.this"),
    *(
        (later, earlier)
        for later in (
            "aws_ecs_service.agents",
            "aws_ecs_service.endpoint",
            "aws_lambda_function.scale_up",
            "aws_scheduler_schedule.desired_count",
            "aws_scheduler_schedule.sweep",
        )
        for earlier in ("aws_iam_role.this", "aws_iam_role_policy.this")
    ),
    # What they write to is there.
    *(
        (schedule, earlier)
        for schedule in (
            "aws_scheduler_schedule.desired_count",
            "aws_scheduler_schedule.sweep",
        )
        for earlier in ("aws_dynamodb_table.ledger", "aws_dynamodb_table_item.limits")
    ),
    ("aws_scheduler_schedule.desired_count", "aws_dynamodb_table_item.scheduled"),
    # HCP Terraform calls the URL, signed with the key, as soon as both are known.
    ("output.hmac_key", "aws_ssm_parameter.hmac_key"),
    ("output.notification_configuration_token", "aws_ssm_parameter.notification_token"),
    *(
        ("output.webhook_url", earlier)
        for earlier in (
            "aws_dynamodb_table_item.limits",
            "aws_ecs_service.endpoint",
            "aws_iam_role_policy.this",
            "aws_lambda_permission.invoke_by_url",
            "aws_lb_listener.endpoint",
            "aws_ssm_parameter.hmac_key",
            "aws_ssm_parameter.notification_token",
            "aws_vpc_security_group_egress_rule.endpoint",
            "aws_vpc_security_group_egress_rule.load_balancer",
            "aws_vpc_security_group_ingress_rule.endpoint",
            "aws_vpc_security_group_ingress_rule.load_balancer",
        )
    ),
]


@check("a first apply makes everything after what it needs, and answers before anybody calls")
def first_apply() -> None:
    found = edges()
    missing = [(later, earlier) for later, earlier in BEFORE if earlier not in found[later]]
    assert not missing, missing
    # Made is not yet answering: a task must have started, and the load balancer have found it.
    endpoint = planning.variant("a service in a new network").one("aws_ecs_service.endpoint[0]")
    assert endpoint["wait_for_steady_state"] is True
    # An agents' service at rest has no task to wait for; with agents, a run may take hours.
    assert not planning.variant("the least").one("aws_ecs_service.agents")["wait_for_steady_state"]
