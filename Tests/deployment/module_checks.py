"""The Terraform module as such: formatted, valid against the providers' schemas, with inputs that
are described, used and refused when they are wrong."""

import concurrent.futures
import json
import os
import re
import subprocess

import planning
import tables
from checks import check
from planning import AS_SERVICE, EXAMPLES, MODULE, README, ROOT, WITH_API
from tables import blocks

CHECKOV = ROOT / ".venv-checkov/bin/checkov"


@check("Terraform files are formatted")
def formatted() -> None:
    outcome = planning.run("fmt", check_input=True, recursive=True, diff=True, write=False)
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
    ('output "wrong" { value = aws_ecs_cluster.this.nothing }', 'attribute named "nothing"'),
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


for _example in EXAMPLES:

    @check(f"the example {_example.name} is valid")
    def example(name: str = _example.name) -> None:
        place = f"examples/{name}"
        assert planning.run("get", place).succeeded
        outcome = planning.run("validate", place)
        assert outcome.succeeded, outcome.complaints


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
    ({"tfc_agent_token": ""}, "agent token must not be empty"),
    ({"tfc_agent_token": "a token"}, "no white space"),
    ({"tfc_agent_token": "token\n"}, "no white space"),
    ({"task_cpu": 1000}, "task_cpu must be one of 256"),
    ({"task_cpu": 256, "task_mem": 4096}, "does not offer 4096 MiB with 256 CPU units"),
    ({"task_cpu": 4096, "task_mem": 2048}, "does not offer 2048 MiB with 4096 CPU units"),
    ({"task_cpu": 8192, "task_mem": 17408}, "does not offer 17408 MiB"),
    ({"task_def_cpu": 1024}, "64 are the sidecar's"),
    ({"task_def_mem": 2048}, "64 are the sidecar's"),
    ({"desired_count": 11}, "desired_count (11) must not be above max_count (10)"),
    ({"desired_count": -1}, "desired_count must be a whole number"),
    ({"desired_count": 1.5}, "desired_count must be a whole number"),
    ({"max_count": -1}, "max_count must be a whole number"),
    ({"max_count": 0.5}, "max_count must be a whole number"),
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
    ({"tfe_token": "token"}, "tfc_organization and tfc_agent_pool_name are needed"),
    ({"tfc_agent_pool_id": "my-pool"}, "begins with apool-"),
    ({"endpoint": "fargate"}, "must be lambda or service"),
    ({"endpoint": "service"}, "endpoint_certificate_arn are needed"),
    ({**AS_SERVICE, "availability_zone_count": 1}, "A load balancer needs two zones"),
    ({**AS_SERVICE, "endpoint_ingress_cidrs": ["everyone"]}, "must hold CIDR blocks"),
    ({"announce_stages": ["post_apply"]}, "some of pre_plan, post_plan and pre_apply"),
    ({"announce_workspaces": ["a,b"]}, "must hold names of workspaces"),
    ({"region": "Frankfurt"}, "a name such as eu-central-1"),
    ({"vpc_id": "vpc-1"}, "vpc_id and subnet_ids go together"),
    ({"ip_cidr_vpc": "10.0.0.0"}, "must be a CIDR block"),
    ({"ip_cidr_agent_subnet": "10.0.0.0/32"}, "large enough for its zones"),
    ({"availability_zone_count": 0}, "must be 1, 2, 3 or 4"),
    ({"log_retention_days": 31}, "CloudWatch keeps logs for"),
    (
        {"schedules": [{"name": "a", "expression": "7 am", "desired_count": 1}]},
        "must be cron(...)",
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


@check("wrong inputs are refused with a sentence that says what is expected")
def refuses() -> None:
    wrong = []
    planning.stage()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(planning.attempt, [inputs for inputs, _ in REFUSED])
    for (inputs, sentence), outcome in zip(REFUSED, outcomes, strict=True):
        # Terraform breaks its lines where it likes.
        said = " ".join(outcome.complaints.split())
        if outcome.succeeded or sentence not in said:
            wrong.append(f"{inputs}: expected {sentence!r}, got {said[:400]!r}")
    assert not wrong, "\n".join(wrong)


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
    keepers = {"aws_ssm_parameter." + n for n in ("agent_token", "hmac_key", "tfe_token[0]")}
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        for secret in (planning.TOKEN, planning.API_TOKEN, planning.HMAC_KEY):
            # Lambda's configuration and ECS's task definitions are read by many.
            holders = {a for a, values in plan.resources.items() if secret in json.dumps(values)}
            assert holders <= keepers, f"{name}: {holders}"
    plan = planning.variant("everything, with a function")
    assert keepers <= set(plan.resources)
    assert plan.outputs["hmac_key"]["sensitive"]
    assert not planning.variant("the least").of("aws_ssm_parameter").keys() & {
        "aws_ssm_parameter.tfe_token[0]"
    }


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
    "aws_vpc_security_group_egress_rule.endpoint",
    "aws_vpc_security_group_egress_rule.load_balancer",
    "aws_vpc_security_group_ingress_rule.endpoint",
    "aws_vpc_security_group_ingress_rule.load_balancer",
    "random_password.hmac_key",
}
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
    assert {n for n in nodes if service in all_that(n)} == WHO_ADD_AGENTS
    others = nodes - WHO_ADD_AGENTS - OF_THE_ENDPOINT - {service}
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
