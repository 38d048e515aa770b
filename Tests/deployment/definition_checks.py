"""What the module writes for others: the task definition, the limits item, the schedules' inputs.
Held against botocore's model of the APIs and against moto, neither of which is ours."""

import functools
import json
import re

import boto3
import botocore.session
import botocore.validate
import moto
import planning
from checks import check

TEMPLATE = planning.MODULE / "task-definition.json"
# The values that a person fills in who uses the file without Terraform; PlaySettings.swift has
# those of a rehearsal.
BY_HAND = {
    "family": "agents",
    "cluster": "agents",
    "service": "agents",
    "region": "eu-central-1",
    "task_role_arn": "arn:aws:iam::123456789012:role/task",
    "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
    "task_cpu": "1024",
    "task_mem": "2048",
    "cpu_architecture": "X86_64",
    "sidecar_image": "agent-sidecar:v1",
    "agent_image": "hashicorp/tfc-agent:1.33.0",
    "ledger_table": "ledger",
    "desired_count": "0",
    "max_count": "3",
    "spare_count": "0",
    "idle_timeout_seconds": "120",
    "first_job_timeout_seconds": "300",
    "max_lifetime_seconds": "0",
    "protection_minutes": "2880",
    "hand_over_limit_seconds": "600",
    "tfc_address": "https://app.terraform.io",
    "agent_mode": "single",
    "agent_user": "",
    "agent_keep": "",
    "max_jobs": "0",
    "agent_hide_task_role": "false",
    "agent_token_parameter": "/agents/agent-token",
    "log_group": "/ecs/agents",
}


@functools.cache
def register_input() -> object:
    model = botocore.session.get_session().get_service_model("ecs")
    return model.operation_model("RegisterTaskDefinition").input_shape


def register(definition: dict) -> dict:
    """Checks it as the AWS CLI would, and registers it with moto."""
    report = botocore.validate.ParamValidator().validate(definition, register_input())
    assert not report.has_errors(), report.generate_report()
    with moto.mock_aws():
        client = boto3.client("ecs", region_name="eu-central-1")
        answer = client.register_task_definition(**definition)
    return answer["taskDefinition"]


def planned_definition(plan: planning.Plan) -> dict:
    """The task definition as the provider would register it."""
    values = plan.one("aws_ecs_task_definition.agents")
    (platform,) = values["runtime_platform"]
    return {
        "family": values["family"],
        "requiresCompatibilities": values["requires_compatibilities"],
        "networkMode": values["network_mode"],
        "cpu": values["cpu"],
        "memory": values["memory"],
        "runtimePlatform": {
            "operatingSystemFamily": platform["operating_system_family"],
            "cpuArchitecture": platform["cpu_architecture"],
        },
        "volumes": [{"name": volume["name"]} for volume in values["volume"]],
        "containerDefinitions": json.loads(values["container_definitions"]),
    }


@check("the template, filled in by hand, is what register-task-definition takes")
def by_hand() -> None:
    text = TEMPLATE.read_text()
    names = set(re.findall(r"\$\{(\w+)\}", text))
    assert names == set(BY_HAND), names ^ set(BY_HAND)
    for name, value in BY_HAND.items():
        text = text.replace(f"${{{name}}}", value)
    assert register(json.loads(text))["revision"] == 1


for _name in planning.VARIANTS:

    @check(f"the task definition can be registered: {_name}")
    def registers(name: str = _name) -> None:
        plan = planning.variant(name)
        definition = planned_definition(plan)
        answer = register(definition)
        assert len(answer["containerDefinitions"]) == 3
        follows_fargate(definition)
        for values in plan.of("aws_ecs_task_definition").values():
            containers = json.loads(values["container_definitions"])
            report = botocore.validate.ParamValidator().validate(
                {"family": "x", "containerDefinitions": containers}, register_input()
            )
            assert not report.has_errors(), report.generate_report()


def follows_fargate(definition: dict) -> None:
    """Rules that the API's model does not state (Amazon ECS developer guide, Fargate)."""
    containers = {c["name"]: c for c in definition["containerDefinitions"]}
    cpu, memory = int(definition["cpu"]), int(definition["memory"])
    assert sum(c.get("cpu", 0) for c in containers.values()) <= cpu
    reserved = (c.get("memory", c.get("memoryReservation", 0)) for c in containers.values())
    assert sum(reserved) <= memory
    for container in containers.values():
        assert container.get("stopTimeout", 30) <= 120
        assert "add" not in container.get("linuxParameters", {}).get("capabilities", {})
        assert 60 <= container.get("restartPolicy", {}).get("restartAttemptPeriod", 300) <= 1800
        for dependency in container.get("dependsOn", []):
            other = containers[dependency["containerName"]]
            if dependency["condition"] == "START":
                continue
            # An essential container's end would be the task's.
            assert dependency["condition"] == "SUCCESS" and other["essential"] is False
            # Or the container waits for hours for an end that does not come.
            assert 2 <= other["startTimeout"] <= 120
    delivery = containers["launcher-delivery"]
    sidecar, agent = containers["agent-sidecar"], containers["tfc-agent"]
    # What the agent's container starts with is there, and the sidecar is stopped after it.
    waits = {d["containerName"]: d["condition"] for d in agent["dependsOn"]}
    assert waits == {"launcher-delivery": "SUCCESS", "agent-sidecar": "START"}, waits
    # It fails where the sidecar could not start, and is the same in all that decides that.
    alike = [
        "image",
        "entryPoint",
        "environment",
        "mountPoints",
        "user",
        "readonlyRootFilesystem",
        "linuxParameters",
        "repositoryCredentials",
    ]
    assert all(delivery.get(key) == sidecar.get(key) for key in alike)
    assert delivery["command"] == ["deliver"] and "secrets" not in delivery
    # It must not end a second time.
    assert "restartPolicy" not in delivery
    # The agent gets its signal first and must be observable after its end.
    assert agent["essential"] and not sidecar["essential"]
    assert sidecar["readonlyRootFilesystem"] is True
    assert sidecar["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    assert sidecar["mountPoints"][0]["readOnly"] is False
    assert agent["mountPoints"][0]["readOnly"] is True


@check(
    "the API token goes to the sidecar as a secret, to the endpoint by name, and never to the agent"
)
def api_token() -> None:
    for name, has_one in (("the least", False), ("everything, with a function", True)):
        containers = planning.variant(name).containers
        secrets = containers["agent-sidecar"].get("secrets", [])
        assert [s["name"] for s in secrets] == (["TFE_TOKEN"] if has_one else []), secrets
        # By a parameter's name the sidecar would read it with the role that runs have as well.
        names = {p["name"] for p in containers["agent-sidecar"]["environment"]}
        assert not {n for n in names if n.endswith("_PARAMETER")}, names
        (function,) = planning.variant(name).of("aws_lambda_function").values()
        variables = function["environment"][0]["variables"]
        assert ("TFC_AGENT_POOL_ID" in variables) == has_one
        assert variables.get("TFE_TOKEN_PARAMETER") == ("/tfc/tfe-token" if has_one else None)
        assert "TFE_TOKEN" not in variables
        agent = containers["tfc-agent"]
        assert [s["name"] for s in agent["secrets"]] == ["TFC_AGENT_TOKEN"]
        # The agent refuses to start with names of its own kind that it does not know.
        mine = {p["name"] for p in agent["environment"] if p["name"].startswith("TFC_")}
        assert mine == {"TFC_ADDRESS", "TFC_AGENT_AUTO_UPDATE"}, mine


# What root of a container on Fargate may do besides reading what is its own (containers-roadmap of
# AWS, issue 409, and Docker's default).
OF_FARGATE = set(
    """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP
    SETGID SETPCAP SETUID SYS_CHROOT""".split()
)


def kept_by_launcher() -> set[str]:
    """What the launcher keeps of it, as its source has it."""
    text = (planning.ROOT / "Sources/Renewal/Capabilities.swift").read_text()
    needed = dict(re.findall(r'\((\d+), "([A-Z_]+)"\)', text))
    useful = re.search(r"useful: \[UInt64\] = \[([\d, ]+)\]", text)[1].split(", ")
    # linux/capability.h.
    names = {"4": "FSETID", "8": "SETPCAP"}
    assert len(needed) == 6 and len(useful) == 2
    return {*needed.values(), *(names[number] for number in useful)}


@check("launcher and sidecar are told one mode, and root in the container keeps what that takes")
def modes() -> None:
    renewed = {
        "agent_mode": "renewed",
        "agent_user": "builder",
        "agent_keep": ["/home/builder/a", "/home/builder/b"],
        "max_jobs": 20,
    }
    for inputs in ({}, {"agent_mode": "shared"}, {"agent_mode": "renewed"}, renewed):
        plan = planning.plan(inputs) if inputs else planning.variant("the least")
        agent, sidecar = (plan.containers[name] for name in ("tfc-agent", "agent-sidecar"))
        told = [{p["name"]: p["value"] for p in c["environment"]} for c in (agent, sidecar)]
        mode = inputs.get("agent_mode", "single")
        assert [t["AGENT_MODE"] for t in told] == [mode, mode]
        assert told[0]["AGENT_USER"] == inputs.get("agent_user", "")
        assert told[0]["AGENT_KEEP"] == ":".join(inputs.get("agent_keep", []))
        assert told[1]["MAX_JOBS"] == str(inputs.get("max_jobs", 0))
        # The launcher sets it, by AGENT_MODE.
        assert not any("TFC_AGENT_SINGLE" in t for t in told)
        follows_fargate(planned_definition(plan))
        register(planned_definition(plan))
        if mode == "renewed":
            assert agent["user"] == "0"
            dropped = set(agent["linuxParameters"]["capabilities"]["drop"])
            assert OF_FARGATE - dropped == kept_by_launcher(), dropped
            assert "add" not in agent["linuxParameters"]["capabilities"]
        else:
            # As the image has it.
            assert not {"user", "linuxParameters"} & agent.keys()


@check("a change of the limits changes the limits item and no task definition")
def limits_restart_nothing() -> None:
    before = planning.variant("the least")
    after = planning.plan({"desired_count": 3, "max_count": 30, "spare_count": 2})
    address = "aws_ecs_task_definition.agents"
    assert before.one(address) == after.one(address)
    item = json.loads(after.one("aws_dynamodb_table_item.limits")["item"])
    assert item == {
        "pk": {"S": "tfc/tfc-agents"},
        "sk": {"S": "limits"},
        "desired_count": {"N": "3"},
        "max_count": {"N": "30"},
        "spare_count": {"N": "2"},
    }


@check("the limits item has the names that the ledger's reader looks for")
def limits_names() -> None:
    reader = (planning.ROOT / "Sources/AWS/DynamoDB/LedgerItem.swift").read_text()
    reader = reader[reader.index("enum LimitsItem") :]
    read = set(re.findall(r'optionalCount\("(\w+)"\)', reader))
    plan = planning.variant("the least")
    item = json.loads(plan.one("aws_dynamodb_table_item.limits")["item"])
    assert set(item) - {"pk", "sk"} == read and read, read
    environment = {p["name"]: p["value"] for p in plan.containers["agent-sidecar"]["environment"]}
    assert item["pk"] == {"S": f"{environment['ECS_CLUSTER']}/{environment['ECS_SERVICE']}"}
    assert item["sk"] == {"S": sort_key("limits")}


def sort_key(name: str) -> str:
    """As the programs know it."""
    reader = (planning.ROOT / "Sources/AWS/DynamoDB/LedgerItem.swift").read_text()
    return re.search(rf'static let {name} = "([\w/]+)"', reader)[1]


@check("the ledger's table has the keys that the programs use, and forgets tasks that departed")
def table() -> None:
    reader = (planning.ROOT / "Sources/AWS/DynamoDB/LedgerItem.swift").read_text()
    assert '"expires": .number(' in reader
    for name in planning.VARIANTS:
        values = planning.variant(name).one("aws_dynamodb_table.ledger")
        assert (values["hash_key"], values["range_key"]) == ("pk", "sk")
        assert {(a["name"], a["type"]) for a in values["attribute"]} == {("pk", "S"), ("sk", "S")}
        (ttl,) = values["ttl"]
        assert ttl["enabled"] and ttl["attribute_name"] == "expires", ttl
        for address, item in planning.variant(name).of("aws_dynamodb_table_item").items():
            assert (item["hash_key"], item["range_key"]) == ("pk", "sk"), address


@check("the limits are changed in place, so that they never are missing")
def in_place() -> None:
    text = (planning.MODULE / "ledger.tf").read_text()
    body = text[text.index('resource "aws_dynamodb_table_item" "limits"') :]
    body = body[: body.index("\n}\n")]
    assert "lifecycle" not in body and "replace_triggered_by" not in text, body


@check("a schedule changes the count in its own item, and makes none where Terraform has not")
def schedules() -> None:
    plan = planning.variant("everything, with a function")
    limits = json.loads(plan.one("aws_dynamodb_table_item.limits")["item"])
    scheduled = json.loads(plan.one("aws_dynamodb_table_item.scheduled[0]")["item"])
    # Until a schedule has come, desired_count holds.
    assert scheduled == {"pk": {"S": "tfc/tfc-agents"}, "sk": {"S": sort_key("scheduled")}}
    table = plan.one("aws_dynamodb_table.ledger")
    with moto.mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName="tfc-ledger",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": table["hash_key"], "KeyType": "HASH"},
                {"AttributeName": table["range_key"], "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": a["name"], "AttributeType": a["type"]} for a in table["attribute"]
            ],
        )

        def items() -> dict[str, dict]:
            return {i["sk"]["S"]: i for i in client.scan(TableName="tfc-ledger")["Items"]}

        def fire(name: str) -> None:
            values = plan.one(f'aws_scheduler_schedule.desired_count["{name}"]')
            (target,) = values["target"]
            assert target["arn"] == "arn:aws:scheduler:::aws-sdk:dynamodb:updateItem"
            client.update_item(**json.loads(target["input"]))

        try:
            fire("day")
        except client.exceptions.ConditionalCheckFailedException:
            pass
        assert items() == {}, "what Terraform cannot make any more, since it is there"
        client.put_item(TableName="tfc-ledger", Item=limits)
        client.put_item(TableName="tfc-ledger", Item=scheduled)
        for name, count in (("day", "5"), ("night", "0")):
            fire(name)
            assert items() == {
                "limits": limits,
                "limits/scheduled": {**scheduled, "desired_count": {"N": count}},
            }
    night = plan.one('aws_scheduler_schedule.desired_count["night"]')
    assert night["schedule_expression_timezone"] == "Europe/Berlin"
    assert not planning.variant("the least").of("aws_dynamodb_table_item").keys() & {
        "aws_dynamodb_table_item.scheduled[0]"
    }


@check("the limits that hold when Terraform has taken the limits away are those of an end")
def taken_away() -> None:
    for name in planning.VARIANTS:
        item = json.loads(planning.variant(name).one("aws_dynamodb_table_item.ending")["item"])
        assert item == {
            "pk": {"S": "tfc/tfc-agents"},
            "sk": {"S": sort_key("ending")},
            "desired_count": {"N": "0"},
            "max_count": {"N": "0"},
        }


@check("max_count 0 ends the service: limits of 0 and 0, whatever else is set, and no schedule")
def ending() -> None:
    day = {"name": "day", "expression": "rate(1 day)", "desired_count": 5}
    plan = planning.plan({"max_count": 0, "desired_count": 2, "schedules": [day]})
    item = json.loads(plan.one("aws_dynamodb_table_item.limits")["item"])
    assert item["desired_count"] == item["max_count"] == {"N": "0"}
    assert set(plan.of("aws_dynamodb_table_item")) == {
        "aws_dynamodb_table_item.ending",
        "aws_dynamodb_table_item.limits",
    }
    # The sweep goes on, since it is what makes the count follow.
    assert list(plan.of("aws_scheduler_schedule")) == ["aws_scheduler_schedule.sweep[0]"]
    assert plan.one("aws_ecs_service.agents")["desired_count"] == 0


@check("a task asks for the protection that the module says, by default the longest there is")
def protection() -> None:
    for inputs, minutes in (({}, "2880"), ({"protection_minutes": 60}, "60")):
        containers = (planning.plan(inputs) if inputs else planning.variant("the least")).containers
        environment = {p["name"]: p["value"] for p in containers["agent-sidecar"]["environment"]}
        assert environment["PROTECTION_MINUTES"] == minutes


@check("the service leaves desired_count to the ledger and never runs more agents than that")
def service() -> None:
    for name in planning.VARIANTS:
        values = planning.variant(name).one("aws_ecs_service.agents")
        assert values["deployment_maximum_percent"] == 100
        assert values["deployment_minimum_healthy_percent"] == 0
        assert values["availability_zone_rebalancing"] == "DISABLED"
        assert values["deployment_circuit_breaker"] == [{"enable": True, "rollback": True}]
    text = (planning.MODULE / "service.tf").read_text()
    body = text[text.index('resource "aws_ecs_service" "agents"') :]
    assert "ignore_changes = [desired_count]" in body[: body.index("\n}\n")]


@check("the share of Spot is that of the capacity providers")
def spot() -> None:
    for name, expected in (
        ("the least", {"FARGATE": 100}),
        ("everything, with a function", {"FARGATE": 70, "FARGATE_SPOT": 30}),
        ("a service in an existing network, without the task role", {"FARGATE_SPOT": 100}),
    ):
        strategy = planning.variant(name).one("aws_ecs_service.agents")[
            "capacity_provider_strategy"
        ]
        assert {s["capacity_provider"]: s["weight"] for s in strategy} == expected


@check("the settings that the module passes are settings that the programs read")
def settings() -> None:
    sources = "".join(path.read_text() for path in (planning.ROOT / "Sources").rglob("*.swift"))
    read = set(re.findall(r'"([A-Z][A-Z0-9_]{3,})"', sources))
    # A secret may stand in the setting or in the parameter that the setting's namesake names.
    secrets = re.findall(r'SecretSource\(\s*"([A-Z][A-Z0-9_]+)"', sources)
    read |= {f"{secret}_PARAMETER" for secret in secrets}
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        passed = {p["name"] for c in plan.containers.values() for p in c["environment"]}
        for function in plan.of("aws_lambda_function").values():
            passed |= set(function["environment"][0]["variables"])
        # The agent's own: HashiCorp's image reads them.
        passed -= {"TFC_AGENT_AUTO_UPDATE"}
        assert passed <= read, f"nobody reads {sorted(passed - read)}"
