"""Who may do what, and who may come in."""

import json
import re

import planning
from checks import check

# What may stand for many: the tasks of one cluster, the parameters of one path, the streams of one
# log group, the revisions of one family.
WIDE = re.compile(
    r"^arn:aws:(ecs:[a-z0-9-]+:\d{12}:task/[\w-]+/\*"
    r"|ssm:[a-z0-9-]+:\d{12}:parameter/[\w-]+/\*"
    r"|logs:[a-z0-9-]+:\d{12}:log-group:[\w/-]+:\*)$"
)
# Actions that know no resource.
ANYWHERE = {"ecs:ListTasks", "ecr:GetAuthorizationToken"}
# IAM's names of operations that differ from the API's, none so far.
SERVICES = {"ecs", "dynamodb", "ssm"}


def documents(plan: planning.Plan) -> dict[str, list[dict]]:
    """Statements of every policy by the role's key."""
    found = {}
    for address, values in plan.of("aws_iam_role_policy").items():
        statements = json.loads(values["policy"])["Statement"]
        found[re.search(r'"(\w+)"', address)[1]] = statements
    return found


def actions(statements: list[dict]) -> set[str]:
    return {a for s in statements if s["Effect"] == "Allow" for a in s["Action"]}


@check("no role may do more than one service, one table, one path and one cluster's tasks need")
def wildcards() -> None:
    for name in planning.VARIANTS:
        found = documents(planning.variant(name))
        assert {"task", "execution", "endpoint"} <= set(found)
        for role, statements in found.items():
            for statement in statements:
                if statement["Effect"] == "Deny":
                    continue
                where = f"{name}: {role}: {statement['Sid']}"
                assert not {"NotAction", "NotResource"} & set(statement), where
                for action in statement["Action"]:
                    assert "*" not in action, f"{where}: {action}"
                for resource in statement["Resource"]:
                    if resource == "*":
                        assert set(statement["Action"]) <= ANYWHERE, where
                        if "ecs:ListTasks" in statement["Action"]:
                            cluster = statement["Condition"]["ArnEquals"]["ecs:cluster"]
                            assert cluster.endswith(":cluster/tfc"), where
                    elif "*" in resource:
                        assert WIDE.match(resource), f"{where}: {resource}"
                    assert (
                        resource == "*"
                        or ":tfc" in resource
                        or "/tfc" in resource
                        or (statement["Sid"] == "Images")
                    ), f"{where}: {resource}"


@check("a policy that is too wide is noticed")
def notices() -> None:
    assert not WIDE.match("arn:aws:ecs:eu-central-1:123456789012:service/*")
    assert not WIDE.match("arn:aws:dynamodb:eu-central-1:123456789012:table/*")
    assert not WIDE.match("arn:aws:ssm:eu-central-1:123456789012:parameter/*")
    assert not WIDE.match("arn:aws:ecs:*:*:task/tfc/*")


@check("the roles may do what the programs call, and nothing else")
def calls() -> None:
    text = "".join(
        path.read_text() for path in sorted((planning.ROOT / "Sources/AWS").glob("*.swift"))
    )
    called = {
        f"{service}:{operation}"
        for service, operation in re.findall(r"\.call\(\s*\.(\w+),\s*\"(\w+)\"", text)
    }
    assert len(called) >= 5, called
    found = documents(planning.variant("the least"))
    for role in ("task", "endpoint"):
        allowed = {a for a in actions(found[role]) if a.split(":")[0] in SERVICES}
        # The task's own endpoint calls ECS with the task's role.
        allowed -= {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
        # The endpoint alone reads a parameter.
        needed = called - {"ssm:GetParameter"} if role == "task" else called
        assert needed <= allowed, f"{role} may not {sorted(needed - allowed)}"
        assert allowed <= needed | RESERVED, f"{role} need not {sorted(allowed - needed)}"


# Allowed for the ledger's item and those beside it whichever of DynamoDB's calls reach them.
RESERVED = {"dynamodb:GetItem", "dynamodb:UpdateItem"}


@check("runs can neither raise the limits nor point the service at another task definition")
def denials() -> None:
    for statements in (
        documents(planning.variant("the least"))[role] for role in ("task", "endpoint")
    ):
        denied = {s["Sid"]: s for s in statements if s["Effect"] == "Deny"}
        assert set(denied) == {"NoOtherTaskDefinition", "NoShell", "NotTheLimits"}
        keys = denied["NotTheLimits"]["Condition"]["ForAnyValue:StringEquals"]
        assert keys == {"dynamodb:LeadingKeys": ["tfc/tfc-agents/limits"]}
        other = denied["NoOtherTaskDefinition"]["Condition"]
        # A negated condition holds for a key that is not there: both are needed.
        assert other["Null"] == {"ecs:task-definition": "false"}
        assert other["ArnNotLike"]["ecs:task-definition"].endswith("/tfc-agents:*")


@check("without agent_uses_task_role there is no role for runs, and the launcher hides the task's")
def task_role() -> None:
    shown = planning.variant("the least")
    hidden = planning.variant("a service in an existing network, without the task role")
    for plan, is_hidden in ((shown, False), (hidden, True)):
        assert bool(plan.of("aws_iam_role").get("aws_iam_role.dev[0]")) != is_hidden
        assert ("sts:AssumeRole" in actions(documents(plan)["task"])) != is_hidden
        environment = {p["name"]: p["value"] for p in plan.containers["tfc-agent"]["environment"]}
        assert environment["AGENT_HIDE_TASK_ROLE"] == ("true" if is_hidden else "false")


@check("roles trust one service of this account each")
def trust() -> None:
    for name in planning.VARIANTS:
        for address, values in planning.variant(name).of("aws_iam_role").items():
            (statement,) = json.loads(values["assume_role_policy"])["Statement"]
            principal = statement["Principal"]
            if address == "aws_iam_role.dev[0]":
                assert principal == {"AWS": ["arn:aws:iam::123456789012:role/tfc-task"]}
                continue
            (service,) = principal["Service"]
            if service != "lambda.amazonaws.com":
                condition = statement["Condition"]["StringEquals"]
                assert condition == {"aws:SourceAccount": "123456789012"}, address


@check("nobody can connect to an agent")
def ingress() -> None:
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        for address, values in plan.of("aws_security_group").items():
            assert not values.get("ingress"), address
        for address in plan.of("aws_vpc_security_group_ingress_rule"):
            assert re.search(r"\.(load_balancer|endpoint)\[", address), address
        if not name.startswith("a service"):
            assert not plan.of("aws_vpc_security_group_ingress_rule")


@check("the function's URL has both permissions that it takes")
def function_url() -> None:
    found = planning.variant("the least").of("aws_lambda_permission").values()
    assert {
        (v["action"], v["principal"], v["function_url_auth_type"], v["invoked_via_function_url"])
        for v in found
    } == {
        ("lambda:InvokeFunctionUrl", "*", "NONE", None),
        ("lambda:InvokeFunction", "*", None, True),
    }


@check("images in ECR can be pulled, each by its own repository; others take no permission")
def images() -> None:
    found = documents(planning.variant("the least"))["execution"]
    (statement,) = (s for s in found if s["Sid"] == "Images")
    prefix = "arn:aws:ecr:eu-central-1:123456789012:repository/"
    assert statement["Resource"] == [prefix + "agent-sidecar"]
    other = documents(planning.variant("a service in an existing network, without the task role"))
    (statement,) = (s for s in other["execution"] if s["Sid"] == "Images")
    assert statement["Resource"] == [prefix + "scale-up"]
