"""The Terraform module as such: formatted, valid against the providers' schemas, with inputs that
are described, used and refused when they are wrong."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
from collections.abc import Iterable

import cfnlint
import planning
import provider
import tables
import terraform
from checks import check
from planning import AS_SERVICE, EXAMPLES, MODULE, OTHER_POOL, README, ROOT, WITH_API
from tables import blocks, blocks_of

CHECKOV = ROOT / ".venv-checkov/bin/checkov"


@check("Terraform files are formatted")
def formatted() -> None:
    # Of the module itself: where it is staged, other checks put callers beside it.
    _, reattach = planning.stage()
    outcome = terraform.run(
        MODULE, "fmt", reattach, check_input=True, recursive=True, diff=True, write=False
    )
    assert outcome.succeeded, f"terraform fmt -recursive ecs-task-def\n{outcome.value}"


@check("the module is valid against the schema of the aws provider")
def valid() -> None:
    outcome = planning.run("validate")
    assert outcome.succeeded, outcome.complaints


# What the schemas must find, or their approval is worth nothing.
FAULTS = [
    ('resource "aws_ecs_cluster" "wrong" { desiredcount = 1 }', '"desiredcount" is not expected'),
    ('resource "aws_lambda_permission" "wrong" { action = "x" }', '"function_name" is required'),
    ('resource "aws_ecs_service" "wrong" { deployment { } }', 'type "deployment" are not expected'),
    ('output "wrong" { value = aws_dynamodb_table.ledger.nothing }', 'attribute named "nothing"'),
    ('output "wrong" { value = aws_vpc.nowhere.id }', "has not been declared"),
]


@check("what the provider does not have is noticed")
def notices() -> None:
    folder, _ = planning.stage()
    wrong = folder / "wrong.tf"
    for text, complaint in FAULTS:
        wrong.write_text(re.sub(r"{ (.*) }", r"{\n\1\n}", text))
        try:
            outcome = planning.run("validate")
        finally:
            wrong.unlink()
        assert not outcome.succeeded, text
        assert complaint in outcome.complaints, f"{text}: {outcome.complaints}"


SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:platform/agents-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/platform/agents"
NETWORK = {"vpc_id": "vpc-0123", "subnet_ids": ["subnet-1", "subnet-2"]}
ENDPOINTS = {name: f"https://vpce-1.{name}.example.com" for name in ("ecs", "dynamodb", "ssm")}
DAILY = {"name": "a", "expression": "rate(1 day)", "desired_count": 1}

# What a person gives to each example; the rest are defaults.
IMAGES = {key: planning.LEAST[key] for key in ("sidecar_image", "endpoint_image")}
EXAMPLE_INPUTS: dict[str, dict] = {
    "run-task": {
        **IMAGES,
        "organization": "example",
        "region": "eu-central-1",
        "cpu_architecture": "ARM64",
        "tfe_token": planning.API_TOKEN,
    },
    "workspace": {"terraform_dev_role": "arn:aws:iam::123456789012:role/dev"},
    "enterprise": {
        "region": "eu-central-1",
        "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
        "kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/1234",
        "agent_image": f"{planning.REGISTRY}/tfc-agent:1.33.0-company",
        **IMAGES,
        "agent_token_arn": SECRET,
        "hmac_key_arn": PARAMETER,
        "tfe_host": "tfe.example.com",
        "vpc_id": "vpc-0123",
        "vpc_cidr": "10.0.0.0/16",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "dynamodb_prefix_list_id": "pl-1",
        "s3_prefix_list_id": "pl-2",
        "proxy_url": "http://proxy.example.com:3128",
        "proxy_cidr": "10.1.0.0/24",
        "endpoint_domain": "scale-up.example.com",
        "endpoint_certificate_arn": AS_SERVICE["endpoint_certificate_arn"],
    },
    "load-balancer": {
        **IMAGES,
        "organization": "example",
        "region": "eu-central-1",
        "zone": "example.com",
    },
    "several-pools": {**IMAGES, "organization": "example", "region": "eu-central-1"},
    "prove": {
        **IMAGES,
        "stand_in_image": f"{planning.REGISTRY}/stand-in-agent:v1",
        "cpu_architecture": "X86_64",
        "prefix": "proof",
        "region": "eu-central-1",
        "marker": "mark",
        "agent_token": planning.TOKEN,
        "hmac_key": planning.HMAC_KEY,
        "max_count": 2,
        "refuse_protection": True,
    },
    "plans-on-spot": {**IMAGES, "organization": "example", "region": "eu-central-1"},
    "project": {
        **IMAGES,
        "organization": "example",
        "project": "platform",
        "region": "eu-central-1",
        "announce_run_created": True,
    },
}

for _example in EXAMPLES:

    @check(f"the example {_example.name} is valid, and plans")
    def example(name: str = _example.name) -> None:
        folder, _ = planning.stage()
        place = f"examples/{name}"
        inputs = EXAMPLE_INPUTS[name]
        outcome = planning.run("get", place)
        assert outcome.succeeded, outcome.complaints
        outcome = planning.run("validate", place)
        assert outcome.succeeded, outcome.complaints
        if name == "workspace":
            # It is planned in HCP Terraform, where its state is; here without.
            text = (folder / place / "main.tf").read_text()
            here, count = re.subn(r"\n  cloud \{.*?\n  \}\n", "\n", text, flags=re.DOTALL)
            assert count == 1
            (folder / place / "main.tf").write_text(here)
        (folder / place / "inputs.tfvars.json").write_text(json.dumps(inputs))
        outcome = planning.run(
            "plan", place, var_files=["inputs.tfvars.json"], lock=False, out="plan"
        )
        assert outcome.succeeded, outcome.complaints
        # Least privilege: runs are given nothing in the account unless somebody says what.
        document = planning.run("show", place, path="plan").value
        assert "aws_iam_role_policy_attachment" not in json.dumps(document["planned_values"])


@check("what an example needs is asked for, and nothing else is given to it here")
def example_inputs() -> None:
    assert set(EXAMPLE_INPUTS) == {path.name for path in EXAMPLES}
    for path in EXAMPLES:
        text = "".join(file.read_text() for file in path.glob("*.tf"))
        found = blocks_of(text, "variable")
        needed = {name for name, body in found.items() if "  default" not in body}
        given = set(EXAMPLE_INPUTS[path.name])
        assert needed <= given <= set(found), f"{path.name}: {needed - given} {given - set(found)}"


@check("the repositories' module is valid, keeps tags, and lets Lambda pull the one image it needs")
def repositories() -> None:
    place = planning.REPOSITORIES.name
    outcome = planning.run("validate", place)
    assert outcome.succeeded, outcome.complaints
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234"
    folder, _ = planning.stage()
    for inputs, encryption in (({}, []), ({"kms_key": {"arn": key}}, [key])):
        (folder / place / "inputs.tfvars.json").write_text(json.dumps(inputs))
        outcome = planning.run(
            "plan", place, var_files=["inputs.tfvars.json"], lock=False, out="plan"
        )
        assert outcome.succeeded, outcome.complaints
        plan = planning.Plan(planning.run("show", place, path="plan").value)
        made = plan.of("aws_ecr_repository")
        names = {values["name"] for values in made.values()}
        # As docker/build calls them.
        script = (ROOT / "docker/build").read_text()
        assert names == set(re.findall(r"\) echo ([a-z-]+) ;;", script)), names
        for values in made.values():
            assert values["image_tag_mutability"] == "IMMUTABLE"
            assert [e["kms_key"] for e in values["encryption_configuration"]] == encryption
        (policy,) = plan.of("aws_ecr_repository_policy").values()
        assert policy["repository"] == "scale-up"
        (statement,) = json.loads(policy["policy"])["Statement"]
        assert statement["Principal"] == {"Service": ["lambda.amazonaws.com"]}
        assert statement["Condition"]["StringLike"]["aws:SourceArn"].endswith(
            ":lambda:eu-central-1:123456789012:function:*"
        )
        assert len(plan.of("aws_ecr_lifecycle_policy")) == len(names)


for _name in planning.VARIANTS:

    @check(f"the module plans: {_name}")
    def plans(name: str = _name) -> None:
        plan = planning.variant(name)
        assert len(plan.resources) > 20


# Inputs that are refused, and a part of the sentence that says so.
REFUSED = [
    ({"prefix": ""}, "prefix must have 1 to 20"),
    ({"prefix": "Tfc"}, "prefix must have 1 to 20"),
    ({"prefix": "a-prefix-that-is-too-long"}, "prefix must have 1 to 20"),
    ({"prefix": "aws-agents"}, "AWS keeps names"),
    ({"prefix": "ssm-agents"}, "AWS keeps names"),
    ({"prefix": "internal"}, "AWS keeps names"),
    ({"prefix": "sg"}, "AWS keeps names"),
    ({"prefix": "default"}, "AWS keeps names"),
    ({"tfc_agent_token": None}, "The agents need a token"),
    ({"existing_secrets": {"agent_token": {"arn": SECRET}}}, "The agents need a token"),
    ({"existing_secrets": {"agent_token": {"arn": "my-token"}}}, "a secret of Secrets Manager"),
    ({"existing_secrets": {"hmac_key": {"arn": SECRET}}}, "existing_secrets.hmac_key must have"),
    ({"existing_secrets": {"tfe_token": {"arn": SECRET}}}, "existing_secrets.tfe_token must have"),
    (
        {"existing_secrets": {"tfe_token": {"arn": PARAMETER}}},
        "without terraform_api there is none",
    ),
    (
        {"existing_secrets": {"notification_configuration_token": {"arn": SECRET}}},
        "existing_secrets.notification_configuration_token must have",
    ),
    (
        {"existing_secrets": {"notification_configuration_token": {"arn": PARAMETER}}},
        "notifications.own_token must be true.",
    ),
    (
        {"notification_configuration_token": "k" * 16},
        "notifications.own_token must be true and",
    ),
    (
        {
            "notifications": {"own_token": True},
            "notification_configuration_token": "k" * 16,
            "existing_secrets": {"notification_configuration_token": {"arn": PARAMETER}},
        },
        "existing_secrets must not have one",
    ),
    (
        {"notifications": {"own_token": True}, "notification_configuration_token": "short"},
        "The token of notification configurations must have 16 characters",
    ),
    (
        {"existing_secrets": {"hmac_key": {"arn": PARAMETER}}, "notification_token": "k" * 16},
        "either notification_token or existing_secrets.hmac_key",
    ),
    ({"secrets_kms_key_arns": ["alias/mine"]}, "IAM does not take an alias"),
    ({"kms_key": {"arn": "alias/mine"}}, "IAM does not take an alias"),
    ({"agent_command": [""]}, "no empty word"),
    ({"agent_command": ["-token=secret"]}, "Arguments are shown to every process"),
    ({"agent_command": ["-single"]}, "is agent_mode's to say"),
    ({"agent_mode": "reuse"}, "must be single, renewed or shared"),
    (
        {
            "agent_mode": "renewed",
            "volumes": {"c": {}},
            "mounts": {"agent": [{"volume": "c", "path": "/c", "read_only": False}]},
        },
        "mounts.agent must be read only",
    ),
    ({"agent_mode": "renewed", "enable_execute_command": True}, "does not go with"),
    ({"agent_mode": "renewed", "agent_user": "root"}, "a user other than root"),
    ({"agent_mode": "renewed", "agent_user": "1000"}, "a user other than root, not a number"),
    ({"agent_user": "builder"}, 'agent_user is for agent_mode = "renewed"'),
    ({"agent_mode": "renewed", "agent_keep": ["cache"]}, "must hold absolute paths"),
    ({"agent_mode": "renewed", "agent_keep": ["/home/a/../b"]}, "must hold absolute paths"),
    ({"agent_mode": "renewed", "agent_keep": ["/home/a:/b"]}, "must hold absolute paths"),
    ({"agent_mode": "renewed", "agent_keep": ["/a/b", "/a/b/c"]}, "or lie within it"),
    ({"agent_mode": "renewed", "agent_keep": ["/a/b", "/a/b"]}, "or lie within it"),
    ({"agent_mode": "shared", "agent_keep": ["/a/b"]}, 'agent_keep is for agent_mode = "renewed"'),
    ({"agent_mode": "renewed", "max_jobs": -1}, "max_jobs must be a whole number"),
    ({"max_jobs": 5}, 'max_jobs is for agent_mode = "renewed"'),
    ({"registry_credentials": {"agent": {"arn": PARAMETER}}}, "secrets of Secrets Manager"),
    ({"registry_credentials": {"endpoint": {"arn": SECRET}}}, "Lambda takes images from ECR only"),
    ({"ephemeral_storage_gib": 20}, "from 21 to 200"),
    ({"agent_open_files": 100}, "from 1024 to 1048576"),
    ({"environment": {"agent": {"1A": "b"}}}, "begin with no digit"),
    ({"environment": {"sidecar": {"LEDGER_TABLE": "b"}}}, "environment.sidecar.LEDGER_TABLE"),
    ({"environment": {"sidecar": {"DESIRED_COUNT": "1"}}}, "environment.sidecar.DESIRED_COUNT"),
    ({"environment": {"agent": {"TFC_AGENT_TOKEN": "b"}}}, "environment.agent.TFC_AGENT_TOKEN"),
    ({"environment": {"endpoint": {"ECS_CLUSTER": "b"}}}, "environment.endpoint.ECS_CLUSTER"),
    (
        {"container_secrets": {"agent": {"A": SECRET}}, "environment": {"agent": {"A": "b"}}},
        "environment.agent.A",
    ),
    ({"container_secrets": {"agent": {"TFC_ADDRESS": SECRET}}}, "container_secrets.agent.TFC_"),
    ({"container_secrets": {"agent": {"A": "a password"}}}, "ARNs of parameters of SSM or of"),
    ({"container_secrets": {"endpoint": {"A": SECRET}}}, "A function is given no secrets by ECS"),
    ({"volumes": {"agent-link": {}}}, "not agent-link"),
    ({"mounts": {"agent": [{"volume": "cache", "path": "/c"}]}}, "volumes that are in volumes"),
    (
        {"volumes": {"c": {}}, "mounts": {"agent": [{"volume": "c", "path": "/run/agent-link"}]}},
        "not / or /run/agent-link",
    ),
    ({"extra_containers": [{"name": "logs"}]}, "a name and an image each"),
    ({"extra_containers": [{"name": "tfc-agent", "image": "x"}]}, "different names"),
    (
        {"extra_containers": [{"name": "logs", "image": "x", "essential": True}]},
        "None of extra_containers may be essential",
    ),
    ({"announced_job_timeout_seconds": 60}, "from 120 (a boot and a poll)"),
    ({"function_in_vpc": True}, "needs network"),
    ({**AS_SERVICE, "network": NETWORK, "function_in_vpc": True}, 'for endpoint = "lambda"'),
    ({"function_reserved_concurrency": 1}, "2 or more"),
    ({**AS_SERVICE, "function_reserved_concurrency": 5}, 'for endpoint = "lambda"'),
    ({"proxy": {"url": "proxy.example.com:3128"}}, "proxy.url must be http://"),
    ({"proxy": {"url": "http://me:secret@proxy.example.com"}}, "without a user name"),
    ({"proxy": {"url": "http://proxy", "no_proxy": ["a,b"]}}, "one each"),
    ({"aws_endpoints": {"ecs": "x", "dynamodb": "x", "ssm": "x"}}, "must hold https URLs"),
    (
        {"aws_endpoints": ENDPOINTS, "use_fips_endpoints": True},
        "says where AWS is by itself",
    ),
    ({"permissions_boundary_arn": "boundary"}, "must be the ARN of a policy"),
    ({"role_path": "platform"}, 'begin and end with "/"'),
    ({"ecs_cluster": {"name": "arn:aws:ecs:eu-central-1:1:cluster/x"}}, "not its ARN"),
    ({"container_insights": "on"}, "must be enabled, enhanced or disabled"),
    (
        {"container_insights": "enabled", "ecs_cluster": {"name": "shared"}},
        "an existing one of ecs_cluster has its own",
    ),
    ({"metrics": False, "alarms": {}}, "with metrics = false there can be neither"),
    ({"metrics": False, "dashboard": True}, "with metrics = false there can be neither"),
    ({"alarms": {"topic_arns": ["on-call"]}}, "ARNs of topics of SNS"),
    ({"alarms": {"except": ["tfc-at-max"]}}, "names of alarms without the prefix"),
    ({"alarms": {"run_waits_seconds": 10}}, "run_waits_seconds must be 60"),
    ({"alarms": {"at_max_minutes": 1440}}, "whole numbers from 1 to 1439"),
    ({"alarms": {"service_away_minutes": 0.5}}, "whole numbers from 1 to 1439"),
    ({"alarms": {"no_calls_hours": 25}}, "whole number from 1 to 24"),
    ({"log_level": "warn"}, "log_level must be trace"),
    ({"common_tags": {"AWS:team": "x"}}, "AWS keeps tags"),
    ({"tfc_agent_token": ""}, "agent token must not be empty"),
    ({"tfc_agent_token": "a token"}, "no white space"),
    ({"tfc_agent_token": "token\n"}, "no white space"),
    ({"task_cpu": 1000}, "task_cpu must be one of 256"),
    ({"task_cpu": 256, "task_mem": 4096}, "does not offer 4096 MiB with 256 CPU units"),
    ({"task_cpu": 4096, "task_mem": 2048}, "does not offer 2048 MiB with 4096 CPU units"),
    ({"task_cpu": 8192, "task_mem": 17408}, "does not offer 17408 MiB"),
    ({"task_cpu": 32768, "task_mem": 122880 + 1024}, "61440, 122880 or 249856 with 32768"),
    ({"task_def_cpu": 1024}, "64 are the sidecar's"),
    ({"task_def_mem": 2048}, "64 are the sidecar's"),
    ({"desired_count": 11}, "desired_count (11) must not be above max_count (10)"),
    ({"desired_count": -1}, "desired_count must be a whole number"),
    ({"desired_count": 1.5}, "desired_count must be a whole number"),
    ({"max_count": -1}, "max_count must be a whole number"),
    ({"max_count": 0.5}, "max_count must be a whole number"),
    ({"hand_over_limit_seconds": 60}, "from 120 to 7200"),
    ({"allowed_addresses": ["app.terraform.io"]}, "addresses and ranges such as"),
    ({**AS_SERVICE, "allowed_addresses": ["192.0.2.1"]}, "every call comes from the load"),
    ({"trusted_proxies": ["10.0.1.0/24"]}, "of which there are none"),
    (
        {"allowed_addresses": ["192.0.2.1"], "trusted_proxies": ["10.0.1.0/33"]},
        "trusted_proxies must hold addresses",
    ),
    (
        {"endpoint": "none", "endpoint_image": None, "allowed_addresses": ["192.0.2.1"]},
        "this module has none",
    ),
    ({"ca_bundle": "/etc/ssl/ca.pem"}, "ca_bundle must be PEM text"),
    ({"protection_minutes": 0}, "from 1 to 2880"),
    ({"protection_minutes": 2881}, "from 1 to 2880"),
    ({"protection_minutes": 1.5}, "must be a whole number"),
    ({"spare_count": -1}, "spare_count must be a whole number"),
    ({"spot_share": 101}, "whole number from 0 to 100"),
    ({"idle_timeout_seconds": 0}, "every agent leave before it could receive a job"),
    ({"first_job_timeout_seconds": 0}, "every agent leave before it could receive a job"),
    ({"max_lifetime_seconds": -1}, "max_lifetime_seconds must be 0"),
    ({"max_lifetime_seconds": 599}, "max_lifetime_seconds must be 0"),
    ({"cpu_architecture": "amd64"}, "must be X86_64 or ARM64"),
    ({"agent_image": "hashicorp/tfc-agent:latest"}, 'tag other than "latest"'),
    ({"agent_image": "hashicorp/tfc-agent"}, 'tag other than "latest"'),
    ({"sidecar_image": "registry.example.com:5000/agent-sidecar"}, 'tag other than "latest"'),
    ({"endpoint_image": "docker.io/x/scale-up:v1"}, "Lambda takes images from ECR only"),
    ({"tfc_address": "http://tfe.example.com"}, "tfc_address must be https://"),
    ({"tfc_address": "https://tfe.example.com/app"}, "without a path"),
    ({"notification_token": "short"}, "16 characters or more"),
    ({"notification_token": "white space in a key of mine"}, "no white space"),
    (
        {"tfe_token": "a b", **{k: v for k, v in WITH_API.items() if k != "tfe_token"}},
        "white space",
    ),
    ({"tfe_token": "token"}, "terraform_api is needed"),
    ({"terraform_api": WITH_API["terraform_api"]}, "terraform_api needs an API token"),
    (
        {**WITH_API, "terraform_api": {**WITH_API["terraform_api"], "agent_pool_id": "my-pool"}},
        "begins with apool-",
    ),
    ({"endpoint": "fargate"}, "must be lambda, service or none"),
    ({"endpoint_image": None}, "endpoint_image, as docker/build writes it"),
    ({"endpoint": "none", "notifications": {"own_token": True}}, "Notifications go to an endpoint"),
    ({"endpoint": "none", "pools": [{"name": "own"}]}, "pools are those of an endpoint"),
    ({"pools": [{"name": "a b"}]}, "pools need different names"),
    ({"pools": [{"name": "a", "pool": OTHER_POOL}]}, "must be this module's own"),
    ({"pools": [{"name": "a"}, {"name": "b"}]}, "must be this module's own"),
    (
        {
            "pools": [
                {"name": "a", "default": True},
                {"name": "b", "pool": OTHER_POOL, "default": True},
            ]
        },
        "the default at most",
    ),
    ({"pools": [{"name": "a", "when": {"stages": ["plan"]}}]}, "The stages of pools must be"),
    ({"pools": [{"name": "a", "when": {"stages": []}}]}, "must hold one value at least"),
    (
        {"pools": [{"name": "a", "when": {"speculative": True}, "default": True}]},
        "or has a rule (when), not both",
    ),
    ({"pools": [{"name": "a", "when": {"tags": ["x"]}}]}, "they need terraform_api"),
    ({"endpoint": "service"}, "endpoint_certificate_arn are needed"),
    ({**AS_SERVICE, "availability_zone_count": 1}, "A load balancer needs two zones"),
    ({**AS_SERVICE, "endpoint_ingress": {"a": {"cidr_ipv4": "everyone"}}}, "203.0.113.0/24"),
    ({**AS_SERVICE, "endpoint_ingress": {"a": {"cidr_ipv4": "2001:db8::/32"}}}, "203.0.113.0/24"),
    ({**AS_SERVICE, "endpoint_ingress": {"a": {"cidr_ipv6": "10.0.0.0/8"}}}, "2001:db8::/32"),
    ({**AS_SERVICE, "endpoint_ingress": {"a": {}}}, "must have one of cidr_ipv4"),
    ({**AS_SERVICE, "endpoint_egress": {"a": {"cidr_ipv4": "everyone"}}}, "203.0.113.0/24"),
    ({**AS_SERVICE, "endpoint_egress": {"a": {"cidr_ipv6": "10.0.0.0/8"}}}, "2001:db8::/32"),
    ({**AS_SERVICE, "endpoint_egress": {"a": {}}}, "must have one of cidr_ipv4"),
    ({"egress": {"a": {"cidr_ipv4": "2001:db8::/32"}}}, "203.0.113.0/24"),
    ({"egress": {"a": {"cidr_ipv6": "10.0.0.0/8"}}}, "2001:db8::/32"),
    ({"egress": {"a": {"ip_protocol": "tcp"}}}, "must have one of cidr_ipv4"),
    (
        {"egress": {"a": {"ip_protocol": "tcp", "cidr_ipv4": "10.0.0.0/8"}}},
        "must have from_port and to_port",
    ),
    ({"security_group_ids": ["sg-1"] * 5}, "can hold four"),
    ({"announce_stages": ["post_apply"]}, "some of pre_plan, post_plan and pre_apply"),
    ({"announce_workspaces": ["a,b"]}, "must hold names of workspaces"),
    ({"region": "Frankfurt"}, "a name such as eu-central-1"),
    ({"network": {"vpc_id": "vpc-1", "subnet_ids": []}}, "at least one of the VPC's subnets"),
    (
        {"network": {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-of-another"]}},
        "some of subnet_ids are not in vpc_id",
    ),
    ({"ip_cidr_vpc": "10.0.0.0"}, "must be a CIDR block of IPv4"),
    ({"ip_cidr_vpc": "2001:db8::/56"}, "must be a CIDR block of IPv4"),
    ({"ip_cidr_vpc": "10.0.0.0/15"}, "/16 to /28"),
    ({"ip_cidr_agent_subnet": "10.64.0.0/32"}, "large enough for its zones"),
    ({"ip_cidr_agent_subnet": "10.64.0.0/28"}, "no less than /28"),
    ({"ip_cidr_agent_subnet": "2001:db8::/64"}, "must be a CIDR block of IPv4"),
    ({"ip_cidr_agent_subnet": "10.65.0.0/22"}, "must lie within ip_cidr_vpc"),
    ({"ip_cidr_vpc": "10.64.16.0/23"}, "must lie within ip_cidr_vpc"),
    ({"availability_zone_count": 0}, "must be 1, 2, 3 or 4"),
    ({"log_retention_days": 31}, "CloudWatch keeps logs for"),
    (
        {"schedules": [{"name": "a", "expression": "7 am", "desired_count": 1}]},
        "must be cron(...)",
    ),
    (
        {"schedules": [{**DAILY, "timezone": "+02:00"}]},
        "no offset",
    ),
    (
        {"schedules": [{"name": "a", "expression": "rate(1 day)", "desired_count": 11}]},
        "from 0 to max_count (10)",
    ),
    (
        {"schedules": [{"name": "a", "expression": "rate(1 day)", "desired_count": 1}] * 2},
        "Schedules need different names",
    ),
]


# A plan says everything that is wrong at once, and a plan is what takes its time.
WRONG_AT_ONCE = 10


def together() -> list[list[tuple[dict, str]]]:
    """Wrong inputs in groups of which no two have an input in common."""
    groups: list[list[tuple[dict, str]]] = []
    for inputs, sentence in REFUSED:
        for group in groups:
            taken = {name for others, _ in group for name in others}
            if len(group) < WRONG_AT_ONCE and not taken & inputs.keys():
                group.append((inputs, sentence))
                break
        else:
            groups.append([(inputs, sentence)])
    return groups


def complaints(inputs: dict) -> tuple[bool, list[tuple[str | None, str]]]:
    """Whether they are taken, and what is said of them: the input whose rule speaks, and its
    sentence."""
    text = (MODULE / "variables.tf").read_text()
    outcome = planning.attempt(inputs)
    found: list[tuple[str | None, str]] = []
    # Terraform breaks its lines where it likes.
    for said in " ".join(outcome.complaints.split()).split("Invalid value for variable: "):
        place = re.search(r"validation rule at variables\.tf:(\d+)", said)
        above = "\n".join(text.split("\n")[: int(place[1])]) if place else ""
        names = re.findall(r'^variable "(\w+)"', above, re.MULTILINE)
        found.append((names[-1] if names else None, said))
    return outcome.succeeded, found


def refused_together(group: list[tuple[dict, str]]) -> list[str]:
    """What of a group is not refused as it should be. Whatever is not said by the rule of an input
    that is wrong is tried again by itself: a rule is not asked while another one is broken that it
    looks at."""
    merged = {name: value for inputs, _ in group for name, value in inputs.items()}
    _, said = complaints(merged) if len(group) > 1 else (True, [])
    wrong = []
    for inputs, sentence in group:
        if any(name in inputs and sentence in text for name, text in said):
            continue
        taken, alone = complaints(inputs)
        if taken or not any(sentence in text for _, text in alone):
            wrong.append(f"{inputs}: expected {sentence!r}, got {alone!r}")
    return wrong


@check("wrong inputs are refused with a sentence that says what is expected")
def refuses() -> None:
    planning.stage()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [text for some in pool.map(refused_together, together()) for text in some]
    assert not wrong, "\n".join(wrong)


@check("a rule that is missing, or says something else, is noticed among wrong inputs")
def refusals_notice() -> None:
    group = [({"log_level": "warn"}, "log_level must be trace"), ({"region": "eu-west-1"}, "name")]
    (wrong,) = refused_together(group)
    assert "eu-west-1" in wrong
    (wrong,) = refused_together([({"log_level": "warn"}, "another sentence"), group[0]])
    assert "another sentence" in wrong


@check("the sizes that a task may have are those that cfn-lint knows of Fargate")
def fargate_sizes() -> None:
    folder = pathlib.Path(cfnlint.__file__).parent / "data/schemas/extensions"
    text = (folder / "aws_ecs_taskdefinition/fargate_cpu_memory.json").read_text()
    known: dict[int, set[int]] = {}
    for option in json.loads(text)["then"]["anyOf"]:
        (cpu,) = option["properties"]["Cpu"]["then"]["enum"]
        memory = option["properties"]["Memory"]["then"]
        step = memory.get("multipleOf")
        sizes = memory.get("enum") or range(memory["minimum"], memory["maximum"] + 1, step)
        known[int(cpu)] = {int(size) for size in sizes}
    mine: dict[int, set[int]] = {}
    for cpu, words in re.findall(r'^ {6}"(\d+)"\s*= (.+)$', blocks("variable")["task_mem"], re.M):
        numbers = [int(number) for number in re.findall(r"\d+", words)]
        mine[int(cpu)] = set(range(*numbers) if words.startswith("range") else numbers)
    assert mine == known
    offered = re.search(r"contains\(\[([\d, ]+)\]", blocks("variable")["task_cpu"])[1]
    assert {int(number) for number in offered.split(", ")} == set(known)


# Zones without Fargate (Amazon ECS developer guide, AWS Fargate Regions).
WITHOUT_FARGATE = {
    "us-east-1": ["use1-az3"],
    "us-west-1": ["usw1-az2"],
    "ap-northeast-1": ["apne1-az3"],
    "ca-central-1": ["cac1-az3"],
}


@check("no subnet is in a zone without Fargate, and more zones than that are refused")
def zones() -> None:
    plain = provider.DATA["aws_availability_zones"]
    try:
        for region, zones in WITHOUT_FARGATE.items():
            # As an account may see them: which letter is which zone differs.
            provider.DATA["aws_availability_zones"] = {
                "names": [f"{region}{letter}" for letter in "abc"],
                "zone_ids": [zones[0], "other-az1", "other-az2"],
            }
            plan = planning.plan({"region": region})
            made = {subnet["availability_zone"] for subnet in plan.of("aws_subnet").values()}
            assert made == {f"{region}b", f"{region}c"}, made
            outcome = planning.attempt({"region": region, "availability_zone_count": 3})
            said = " ".join(outcome.complaints.split())
            assert "This region has 2 zones with Fargate" in said, said
    finally:
        provider.DATA["aws_availability_zones"] = plain


@check("every input that has rules is in the table of wrong inputs")
def covered() -> None:
    ruled = {name for name, body in blocks("variable").items() if "validation {" in body}
    tried = {name for inputs, _ in REFUSED for name in inputs}
    assert ruled <= tried, f"no wrong value is tried for {sorted(ruled - tried)}"


@check("every variable is described, typed and used, every output described")
def described() -> None:
    others = "".join(
        path.read_text() for path in MODULE.glob("*.tf") if path.name != "variables.tf"
    )
    wrong = []
    for name, body in blocks("variable").items():
        if len(tables.description(body)) < 10 or "  type" not in body:
            wrong.append(f"{name}: no description or type")
        if not re.search(rf"\bvar\.{name}\b", others):
            wrong.append(f"{name}: not used")
    for name, body in blocks("output").items():
        if not tables.description(body):
            wrong.append(f"{name}: no description")
    assert not wrong, "\n".join(wrong)


@check("the module's page has its inputs and outputs, with types and defaults")
def tabulated() -> None:
    text = README.read_text()
    assert text == tables.filled(text), "python3 Tests/deployment/tables.py writes them anew"
    for name in blocks("variable") | blocks("output"):
        assert f"| `{name}` |" in text, name


@check("variables that hold a secret are sensitive, and their values go to secret places only")
def secrets() -> None:
    for name, body in blocks("variable").items():
        if re.search(r"_token$", name):
            assert "sensitive   = true" in body, name
    kept = ("agent_token", "hmac_key", "notification_token", "tfe_token")
    keepers = {f"aws_ssm_parameter.{name}[0]" for name in kept}
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        tokens = (planning.TOKEN, planning.API_TOKEN, planning.NOTIFICATION_TOKEN)
        for secret in (*tokens, planning.HMAC_KEY):
            # Lambda's configuration and ECS's task definitions are read by many.
            holders = {a for a, values in plan.resources.items() if secret in json.dumps(values)}
            assert holders <= keepers, f"{name}: {holders}"
    plan = planning.variant("everything, with a function")
    assert keepers <= set(plan.resources)
    assert plan.outputs["hmac_key"]["sensitive"]
    assert plan.outputs["notification_configuration_token"]["sensitive"]
    assert not planning.variant("the least").of("aws_ssm_parameter").keys() & {
        "aws_ssm_parameter.tfe_token[0]"
    }


@check("Terraform's own tests of the module pass, and one that should fail does")
def own_tests() -> None:
    folder, _ = planning.stage()
    runs = 0
    for path in sorted((folder / "tests").glob("*.tftest.hcl")):
        runs += len(re.findall(r'^run "', path.read_text(), re.MULTILINE))
    assert runs > 5
    outcome = planning.run("test", json=False)
    assert outcome.succeeded, f"{outcome.value}{outcome.complaints}"
    assert f"{runs} passed, 0 failed" in outcome.value, outcome.value
    wrong = folder / "tests/defaults.tftest.hcl"
    text = wrong.read_text()
    changed = text.replace('max_count.N == "20"', 'max_count.N == "21"')
    assert changed != text
    wrong.write_text(changed)
    try:
        outcome = planning.run("test", json=False)
    finally:
        wrong.write_text(text)
    assert not outcome.succeeded
    assert "The limits stand in the table." in outcome.complaints, outcome.complaints


# Addresses of earlier versions, and where they are now.
MOVED = {
    "aws_cloudwatch_log_group.endpoint": "aws_cloudwatch_log_group.endpoint[0]",
    "aws_ecs_cluster.this": "aws_ecs_cluster.this[0]",
    "aws_ssm_parameter.agent_token": "aws_ssm_parameter.agent_token[0]",
    "aws_ssm_parameter.hmac_key": "aws_ssm_parameter.hmac_key[0]",
    "aws_vpc_security_group_egress_rule.agents": (
        'aws_vpc_security_group_egress_rule.agents["everywhere"]'
    ),
    "aws_vpc_security_group_egress_rule.endpoint[0]": (
        'aws_vpc_security_group_egress_rule.endpoint["https"]'
    ),
    'aws_vpc_security_group_ingress_rule.load_balancer["0.0.0.0/0"]': (
        'aws_vpc_security_group_ingress_rule.load_balancer["everybody"]'
    ),
}


def state_of(addresses: Iterable[str]) -> str:
    """A state in which these resources are, of which nothing but that is known."""
    resources = []
    for address in addresses:
        kind, name, index = re.fullmatch(r"(\w+)\.(\w+)(?:\[(.+)\])?", address).groups()
        instance = {"schema_version": 0, "attributes": {"id": address}}
        resources.append(
            {
                "mode": "managed",
                "type": kind,
                "name": name,
                "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
                "instances": [instance | ({"index_key": json.loads(index)} if index else {})],
            }
        )
    whole = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "earlier"}
    return json.dumps({**whole, "outputs": {}, "resources": resources})


@check("what has another address in this version is moved, not made anew")
def moved() -> None:
    folder, _ = planning.stage()
    (folder / "earlier.tfstate").write_text(state_of(MOVED))
    outcome = planning.attempt(AS_SERVICE, state="earlier.tfstate", out="plan-of-moved")
    assert outcome.succeeded, outcome.complaints
    changes = planning.run("show", path="plan-of-moved").value["resource_changes"]
    found = {c["previous_address"]: c["address"] for c in changes if "previous_address" in c}
    assert found == MOVED, found
    removed = [c["address"] for c in changes if "delete" in c["change"]["actions"]]
    assert not removed, removed
    # Every block of moved.tf is among them.
    text = (MODULE / "moved.tf").read_text()
    blocks_there = dict(re.findall(r"from = (.+)\n  to   = (.+)", text))
    assert len(blocks_there) == text.count("moved {") and blocks_there.items() <= MOVED.items()


# What nobody needs who is still there when the agents' service goes.
OF_THE_ENDPOINT = {
    "aws_cloudwatch_log_group.endpoint",
    "aws_default_security_group.this",
    "aws_ecs_task_definition.endpoint",
    "aws_lb.endpoint",
    "aws_lb_listener.endpoint",
    "aws_lb_target_group.endpoint",
    "aws_scheduler_schedule_group.this",
    "aws_security_group.endpoint",
    "aws_security_group.load_balancer",
    "aws_ssm_parameter.hmac_key",
    "aws_ssm_parameter.notification_token",
    "aws_vpc_security_group_egress_rule.endpoint",
    "aws_vpc_security_group_egress_rule.load_balancer",
    "aws_vpc_security_group_ingress_rule.endpoint",
    "aws_vpc_security_group_ingress_rule.load_balancer",
    "random_password.hmac_key",
    "random_password.notification_token",
}
# They look on: nobody is called for what is being taken down.
WHO_LOOK_ON = {"aws_cloudwatch_dashboard.this", "aws_cloudwatch_metric_alarm.this"}
# And the limits, without which nobody does.
WHO_ADD_AGENTS = {
    "aws_dynamodb_table_item.limits",
    "aws_ecs_service.endpoint",
    "aws_lambda_function.scale_up",
    "aws_lambda_function_url.scale_up",
    "aws_lambda_permission.call_url",
    "aws_lambda_permission.invoke_by_url",
    "aws_scheduler_schedule.desired_count",
    "aws_scheduler_schedule.sweep",
}


@check("destroy takes those away who add agents, then the agents, then what a run of theirs needs")
def destroy_order() -> None:
    text = planning.run("graph").value
    nodes = set(re.findall(r'"((?:aws|random)_[\w.]+)" \[', text))
    needs: dict[str, set[str]] = {node: set() for node in nodes}
    for one, other in re.findall(r'"([\w.]+)" -> "([\w.]+)"', text):
        if one in nodes and other in nodes:
            needs[one].add(other)

    def all_that(node: str) -> set[str]:
        found: set[str] = set()
        left = [node]
        while left:
            new = needs[left.pop()] - found
            found |= new
            left += new
        return found

    service = "aws_ecs_service.agents"
    # Terraform destroys in the opposite order.
    assert {n for n in nodes if service in all_that(n)} == WHO_ADD_AGENTS | WHO_LOOK_ON
    assert not [n for n in nodes - WHO_LOOK_ON if WHO_LOOK_ON & all_that(n)]
    others = nodes - WHO_ADD_AGENTS - WHO_LOOK_ON - OF_THE_ENDPOINT - {service}
    assert others == all_that(service), others ^ all_that(service)
    assert {
        "aws_dynamodb_table_item.ending",
        "aws_iam_role_policy_attachment.dev",
        "aws_route_table_association.agents",
    } < others


@check("destroying waits for runs of two hours, and forces nothing upon protected tasks")
def destroy() -> None:
    for name in planning.VARIANTS:
        values = planning.variant(name).one("aws_ecs_service.agents")
        (timeouts,) = values["timeouts"]
        assert timeouts["delete"] == "2h"
        assert not values.get("force_delete")


@check("checkov finds nothing that is not skipped for a reason")
def checkov() -> None:
    process = subprocess.run(
        [CHECKOV, "-d", MODULE, "--framework", "terraform", "--skip-download", "-o", "json"]
        + ["--quiet", "--compact"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = json.loads(process.stdout)
    found = found[0] if isinstance(found, list) else found
    failed = [(c["check_id"], c["resource"]) for c in found["results"]["failed_checks"]]
    assert not failed, failed
    assert found["summary"]["passed"] > 50, found["summary"]
    assert found["summary"]["parsing_errors"] == 0, found["summary"]
    for path in MODULE.rglob("*.tf"):
        for line in path.read_text().splitlines():
            if "checkov:skip" in line:
                assert re.search(r"checkov:skip=CKV2?_AWS_\d+: .{20,}", line), line
