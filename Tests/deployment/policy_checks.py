"""Who may do what, and who may come in."""

import json
import re

import botocore.session
import iam
import planning
from checks import check
from iam import Request, allows, dynamodb

# What may stand for many: the tasks of one cluster, the streams of one log group.
WIDE = re.compile(
    r"^arn:aws:(ecs:[a-z0-9-]+:\d{12}:task/[\w-]+/\*"
    r"|logs:[a-z0-9-]+:\d{12}:log-group:[\w/-]+:\*)$"
)
# Actions that know no resource.
ANYWHERE = {"ecs:ListTasks", "ecr:GetAuthorizationToken"}
SERVICES = {"ecs", "dynamodb", "ssm"}

NEW_NETWORK = "everything, with a function"
GIVEN_NETWORK = "a service in an existing network, without the task role"

ACCOUNT = "eu-central-1:123456789012"
CLUSTER = f"arn:aws:ecs:{ACCOUNT}:cluster/tfc"
SERVICE = f"arn:aws:ecs:{ACCOUNT}:service/tfc/tfc-agents"
TABLE = f"arn:aws:dynamodb:{ACCOUNT}:table/tfc-ledger"
PARAMETERS = f"arn:aws:ssm:{ACCOUNT}:parameter"
LEDGER = "tfc/tfc-agents"


def documents(plan: planning.Plan) -> dict[str, list[dict]]:
    """Statements of each role by its key, of all policies that are known before they are made."""
    found: dict[str, list[dict]] = {}
    for address, values in plan.of("aws_iam_role_policy").items():
        key = "dev" if ".dev[" in address else re.search(r'"(\w+)"', address)[1]
        if policy := values.get("policy"):
            found.setdefault(key, []).extend(json.loads(policy)["Statement"])
    return found


def actions(statements: list[dict]) -> set[str]:
    return {a for s in statements if s["Effect"] == "Allow" for a in s["Action"]}


def may(statements: list[dict], action: str, resource: str, **context: str | list[str]) -> bool:
    """Context keys as names of Python: `ecs__task_definition` for `ecs:task-definition`."""
    named = {k.replace("__", ":").replace("_", "-"): v for k, v in context.items()}
    return allows(statements, Request(action, resource, named))


def update_service(statements: list[dict], **context: str | list[str]) -> bool:
    named = {f"ecs__{key}": value for key, value in context.items()}
    return may(statements, "ecs:UpdateService", SERVICE, **named)


def ledger_call(statements: list[dict], operation: str, parameters: dict) -> bool:
    return all(allows(statements, r) for r in dynamodb(operation, TABLE, parameters))


@check("no role may do more than one service, one table, one path and one cluster's tasks need")
def wildcards() -> None:
    for name in planning.VARIANTS:
        found = documents(planning.variant(name))
        assert {"task", "execution", "endpoint"} <= set(found)
        for role, statements in found.items():
            for statement in statements:
                # A denial may be as wide as it likes.
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
                            (cluster,) = statement["Condition"]["ArnEquals"]["ecs:cluster"]
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
    assert not WIDE.match("arn:aws:ssm:eu-central-1:123456789012:parameter/tfc/*")
    assert not WIDE.match("arn:aws:ecs:*:*:task/tfc/*")


def sources(*names: str) -> str:
    folder = planning.ROOT / "Sources/AWS"
    paths = sorted(folder.rglob("*.swift"))
    if names:
        paths = [path for path in paths if path.stem in names]
        assert len(paths) == len(names), paths
    return "".join(path.read_text() for path in paths)


# What `agent-sidecar doctor` asks for, by the rights of whoever runs it.
OF_A_PERSON = {
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "ecs:DescribeTaskDefinition",
    "ecs:GetTaskProtection",
    "ecs:UpdateTaskProtection",
    "ssm:DescribeParameters",
}
# What `rehearsal prove` does, by the rights of whoever runs it. ListTagsForResource is CloudWatch
# Logs' own, and others have one of that name.
OF_A_PROOF = {
    "dynamodb:ListTagsOfResource",
    "ecs:DeleteTaskDefinitions",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeClusters",
    "ecs:ListTagsForResource",
    "ecs:ListTaskDefinitions",
    "ecs:StopTask",
    "ssm:ListTagsForResource",
}


def operations() -> set[str]:
    """Actions of the calls that the programs name."""
    quoted = set(re.findall(r'"([A-Z]\w+)"', sources()))
    session = botocore.session.get_session()
    found = {
        f"{service}:{operation}"
        for service in SERVICES
        for operation in quoted & set(session.get_service_model(service).operation_names)
    }
    # It has no action of its own.
    return found - {"dynamodb:TransactWriteItems"}


@check("the roles may do what the programs call, and nothing else")
def calls() -> None:
    called = operations()
    assert {"dynamodb:Query", "dynamodb:DeleteItem", "ecs:UpdateService"} <= called, called
    of_others = OF_A_PERSON | OF_A_PROOF
    assert called >= of_others, f"nobody asks for {sorted(of_others - called)}"
    found = documents(planning.variant("the least"))
    for role in ("task", "endpoint"):
        allowed = {a for a in actions(found[role]) if a.split(":")[0] in SERVICES}
        # The task's own endpoint calls ECS with the task's role.
        allowed -= {"ecs:GetTaskProtection", "ecs:UpdateTaskProtection"}
        # The endpoint alone reads parameters.
        needed = called - of_others - ({"ssm:GetParameter"} if role == "task" else set())
        assert needed <= allowed, f"{role} may not {sorted(needed - allowed)}"
        assert allowed <= needed, f"{role} need not {sorted(allowed - needed)}"


@check("what a doctor asks IAM's simulator of the task role has the answers that it expects")
def simulated() -> None:
    def arn(service: str, resource: str) -> str:
        return f"arn:aws:{service}:eu-central-1:123456789012:{resource}"

    def ledger(key: str, *attributes: str) -> dict[str, list[str]]:
        return {"dynamodb:LeadingKeys": [key], "dynamodb:Attributes": list(attributes)}

    own, table = "tfc/tfc-agents", arn("dynamodb", "table/tfc-ledger")
    service, task = arn("ecs", f"service/{own}"), arn("ecs", "task/tfc/" + "0" * 32)
    cluster = {"ecs:cluster": arn("ecs", "cluster/tfc")}
    token = arn("ssm", "parameter/tfc/agent-token")
    # As Sources/Operators/Doctor/RoleNames.swift asks.
    expected = {
        True: [
            Request("ecs:DescribeServices", service, cluster),
            Request("ecs:UpdateService", service),
            Request("ecs:ListTasks", "*", cluster),
            Request("ecs:DescribeTasks", task, cluster),
            Request("ecs:UpdateTaskProtection", task, cluster),
            Request("dynamodb:Query", table, ledger(own, "pk")),
            Request("dynamodb:UpdateItem", table, ledger(own, "pk", "sk", "size")),
        ],
        False: [
            Request("dynamodb:UpdateItem", table, ledger(own, "pk", "sk", "max_count")),
            Request("dynamodb:UpdateItem", table, ledger(own + "-of-nobody", "pk", "size")),
            Request("ssm:GetParameter", token),
        ],
    }
    statements = documents(planning.variant("the least"))["task"]
    for is_allowed, requests in expected.items():
        for request in requests:
            assert allows(statements, request) == is_allowed, request


@check("IAM's rules, as the checks apply them, are those of its user guide")
def rules() -> None:
    def statement(effect: str, **condition: dict) -> dict:
        named = {k.replace("__", ":"): v for k, v in condition.items()}
        return {"Effect": effect, "Action": ["a:B*"], "Resource": ["r/*"], "Condition": named}

    def passes(context: dict, *statements: dict) -> bool:
        return allows(list(statements), Request("A:bc", "r/1", context))

    anything = statement("Allow")
    assert passes({}, anything)
    assert not passes({}), "nothing is allowed by itself"
    assert not allows([anything], Request("a:c", "r/1"))
    assert not allows([anything], Request("a:b", "s/1"))
    assert not passes({}, anything, statement("Deny")), "a denial outweighs"
    # A key that is not there: a positive condition does not hold, a negated one does.
    assert not passes({}, statement("Allow", StringEquals={"k": "v"}))
    assert passes({}, statement("Allow", StringNotLike={"k": "v"}))
    assert passes({}, statement("Allow", Null={"k": "true"}))
    assert not passes({}, statement("Allow", Null={"k": "false"}))
    assert passes({}, statement("Allow", ForAllValues__StringEquals={"k": ["v"]}))
    assert not passes({}, statement("Allow", ForAnyValue__StringNotLike={"k": ["v"]}))
    # Several values: one of the policy's is enough, for a negated condition none may fit.
    assert passes({"k": "w"}, statement("Allow", StringEquals={"k": ["v", "w"]}))
    assert not passes({"k": "w"}, statement("Allow", StringNotLike={"k": ["v", "w"]}))
    several = {"k": ["v", "x"]}
    assert not passes(several, statement("Allow", ForAllValues__StringEquals={"k": ["v", "w"]}))
    assert passes(several, statement("Allow", ForAnyValue__StringNotLike={"k": ["v", "w"]}))
    # Every condition must hold.
    both = statement("Allow", StringEquals={"k": "v"}, Bool={"l": "true"})
    assert passes({"k": "v", "l": "true"}, both)
    assert not passes({"k": "v", "l": "false"}, both)


# What ECS may tell IAM of a call for the size alone: nothing that the call does not name, or the
# service's own values and the defaults of what is left out, in whichever form.
OWN_VALUES: dict[str, list[dict]] = {
    NEW_NETWORK: [
        {},
        {"task_definition": f"arn:aws:ecs:{ACCOUNT}:task-definition/tfc-agents:7"},
        {"capacity_provider": ["FARGATE", "FARGATE_SPOT"]},
        {"capacity_provider": [f"arn:aws:ecs:{ACCOUNT}:capacity-provider/FARGATE_SPOT"]},
        {"auto_assign_public_ip": "true"},
        {"propagate_tags": "SERVICE", "enable_ecs_managed_tags": "true"},
    ],
    GIVEN_NETWORK: [
        {"capacity_provider": ["FARGATE_SPOT"]},
        {"subnet": ["subnet-1", "subnet-2"]},
        {"subnet": [f"arn:aws:ec2:{ACCOUNT}:subnet/subnet-1"]},
        {"subnet": "subnet-2"},
    ],
}
DEFAULTS = {
    "enable_execute_command": "false",
    "enable_ebs_volumes": "false",
    "enable_service_connect": "false",
    "enable_vpc_lattice": "false",
    "auto_assign_public_ip": "false",
    "namespace": "",
    "propagate_tags": "NONE",
    "enable_ecs_managed_tags": "false",
    "task_cpu": "1024",
    "task_memory": "2048",
}


@check("task and endpoint may set the service's size, whatever of its own ECS tells IAM beside it")
def size() -> None:
    for name, contexts in OWN_VALUES.items():
        found = documents(planning.variant(name))
        for statements in (found["task"], found["endpoint"]):
            assert may(statements, "ecs:DescribeServices", SERVICE)
            for context in contexts:
                assert update_service(statements, **context), context
                assert update_service(statements, **{**DEFAULTS, **context}), context
            other = SERVICE.replace("tfc-agents", "tfc-scale-up")
            assert not may(statements, "ecs:UpdateService", other)


# Members of UpdateService for which IAM has a key, with a value that must be denied.
DENIED: list[tuple[str, str, dict]] = [
    (
        NEW_NETWORK,
        "taskDefinition",
        {"task_definition": f"arn:aws:ecs:{ACCOUNT}:task-definition/administration:1"},
    ),
    (GIVEN_NETWORK, "capacityProviderStrategy", {"capacity_provider": ["FARGATE"]}),
    (NEW_NETWORK, "capacityProviderStrategy", {"capacity_provider": ["FARGATE", "on-an-instance"]}),
    (
        GIVEN_NETWORK,
        "capacityProviderStrategy",
        {"capacity_provider": f"arn:aws:ecs:{ACCOUNT}:capacity-provider/FARGATE"},
    ),
    (GIVEN_NETWORK, "networkConfiguration", {"subnet": ["subnet-1", "subnet-3"]}),
    (GIVEN_NETWORK, "networkConfiguration", {"subnet": ["subnet-11"]}),
    (GIVEN_NETWORK, "networkConfiguration", {"auto_assign_public_ip": "true"}),
    (NEW_NETWORK, "enableExecuteCommand", {"enable_execute_command": "true"}),
    (NEW_NETWORK, "volumeConfigurations", {"enable_ebs_volumes": "true"}),
    (NEW_NETWORK, "serviceConnectConfiguration", {"enable_service_connect": "true"}),
    (
        NEW_NETWORK,
        "serviceConnectConfiguration",
        {"namespace": f"arn:aws:servicediscovery:{ACCOUNT}:namespace/ns-1"},
    ),
    (NEW_NETWORK, "vpcLatticeConfigurations", {"enable_vpc_lattice": "true"}),
]


@check("of the service's other settings, a run cannot change those that IAM can tell apart")
def denials() -> None:
    for name, member, context in DENIED:
        found = documents(planning.variant(name))
        for role in ("task", "endpoint"):
            for whole in (context, {**DEFAULTS, **context}):
                assert not update_service(found[role], **whole), f"{name}: {role}: {member}"


@check("subnets are denied wherever the agents are, before the service is there")
def subnets() -> None:
    for name in planning.VARIANTS:
        policies = planning.variant(name).of("aws_iam_role_policy")
        for role in ("task", "endpoint"):
            assert f'aws_iam_role_policy.subnets["{role}"]' in policies, name


def run_chapter() -> str:
    text = planning.README.read_text()
    chapter = text[text.index("## What a run can do in AWS") :]
    return chapter[: chapter.index("## Secrets")]


@check("what UpdateService takes beside the size is denied to runs or named in the module's page")
def named() -> None:
    model = botocore.session.get_session().get_service_model("ecs")
    members = set(model.operation_model("UpdateService").input_shape.members)
    told = set(re.findall(r"`(\w+)`", run_chapter()))
    # The group of a network configuration has no key, its subnets have one.
    assert {"desiredCount", "securityGroups"} <= told, told
    left = members - {"cluster", "service"} - {member for _, member, _ in DENIED} - told
    assert not left, f"neither denied nor named: {sorted(left)}"


def key(sort: str, partition: str = LEDGER) -> dict:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def put(sort: str, partition: str = LEDGER, **attributes: dict) -> dict:
    return {"TableName": "tfc-ledger", "Item": key(sort, partition) | attributes}


def update(sort: str, text: str, partition: str = LEDGER, **names: str) -> dict:
    call = {"Key": key(sort, partition), "UpdateExpression": text}
    return call | {"ExpressionAttributeNames": {f"#{k}": v for k, v in names.items()}}


def query(partition: str) -> dict:
    condition = "pk = :pk AND sk < :end"
    values = {":pk": {"S": partition}, ":end": {"S": "task/"}}
    return {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}


def batch(*keys: dict) -> dict:
    return {"RequestItems": {"tfc-ledger": {"Keys": list(keys)}}}


ONE = {"N": "1"}
# As Sources/AWS makes them.
CALLS: list[tuple[str, dict]] = [
    ("Query", query(LEDGER)),
    ("GetItem", {"Key": key("ledger")}),
    ("BatchGetItem", batch(key("task/a"), key("task/b"))),
    (
        "PutItem",
        put("job/run-1/plan", at=ONE, task={"S": "a"}, first=ONE)
        | {"ConditionExpression": "attribute_not_exists(#pk)"}
        | {"ExpressionAttributeNames": {"#pk": "pk"}},
    ),
    (
        "DeleteItem",
        {"Key": key("job/run-1/plan"), "ConditionExpression": "#task = :task"}
        | {"ExpressionAttributeNames": {"#task": "task"}},
    ),
    (
        "UpdateItem",
        update(
            "ledger",
            "SET #size = :size, #v = if_not_exists(#v, :zero) + :one",
            size="size",
            v="version",
            p="projected",
        )
        | {
            "ConditionExpression": "(attribute_not_exists(#size) OR #size < :size) AND #p <= :p",
            "ReturnValues": "ALL_NEW",
        },
    ),
    (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": put("task/a", at=ONE, kind={"S": "retired"}, expires=ONE)},
                {"Update": update("ledger", "SET #s = :s REMOVE #f", s="size", f="failed")},
                {"Delete": {"Key": key("job/run-1/plan")}},
            ]
        },
    ),
]
# What would set limits, or reach what is not the pool's.
STRANGE_CALLS: list[tuple[str, dict]] = [
    ("PutItem", put("limits", max_count=ONE)),
    ("PutItem", put("limits/scheduled", desired_count=ONE)),
    ("PutItem", put("limits/ending", spare_count=ONE)),
    ("UpdateItem", update("limits", "SET #m = :m", m="max_count")),
    ("UpdateItem", update("limits", "SET max_count = :m")),
    ("UpdateItem", update("limits/scheduled", "SET #d.#e = :d", d="desired_count", e="at")),
    ("UpdateItem", update("limits", "REMOVE #d", d="spare_count")),
    ("UpdateItem", update("limits", "ADD desired_count :one")),
    ("TransactWriteItems", {"TransactItems": [{"Put": put("limits", max_count=ONE)}]}),
    ("TransactWriteItems", {"TransactItems": [{"Put": put("ledger", "tfc/other")}]}),
    *(
        (operation, parameters)
        for other in ("tfc/other", f"{LEDGER}/", f"{LEDGER}2", "")
        for operation, parameters in (
            ("Query", query(other)),
            ("GetItem", {"Key": key("ledger", other)}),
            ("BatchGetItem", batch(key("task/a"), key("task/a", other))),
            ("PutItem", put("ledger", other)),
            ("UpdateItem", update("ledger", "SET #size = :size", other, size="size")),
            ("DeleteItem", {"Key": key("ledger", other)}),
        )
    ),
    ("BatchWriteItem", {"Key": key("ledger")}),
    ("ConditionCheckItem", {"Key": key("ledger")}),
    ("PartiQLUpdate", {"Key": key("ledger")}),
    ("PartiQLSelect", {"Key": key("ledger")}),
    ("Scan", {"Key": key("ledger")}),
]


def complaints(statements: list[dict]) -> list[str]:
    """What is wrong with what these may do with the ledger."""
    refused = [f"may not {c}" for c in CALLS if not ledger_call(statements, *c)]
    return refused + [f"may {c}" for c in STRANGE_CALLS if ledger_call(statements, *c)]


@check("runs can read and write the ledger of their own pool, and set no limit and no other ledger")
def ledger() -> None:
    for name in planning.VARIANTS:
        found = documents(planning.variant(name))
        for role in ("task", "endpoint"):
            wrong = complaints(found[role])
            assert not wrong, f"{name}: {role} {wrong[0]}"


@check("a ledger policy that allows too much or too little is noticed")
def ledger_notices() -> None:
    statements = json.dumps(documents(planning.variant("the least"))["task"])
    for old, new, complaint in (
        ('"dynamodb:Query"', '"dynamodb:Scan"', "may not ('Query'"),
        ('"dynamodb:DeleteItem"', '"dynamodb:PutItem"', "may not ('DeleteItem'"),
        ('"expires"', '"expired"', "may not ('TransactWriteItems'"),
        ('"pk", ', "", "may not ('PutItem'"),
        ('"expires"', '"expires", "max_count"', "may ('PutItem'"),
        ('"dynamodb:Attributes"', '"dynamodb:Attribute"', "may ('PutItem'"),
        ('"dynamodb:LeadingKeys"', '"dynamodb:LeadingKey"', "may ('Query'"),
        ("ForAllValues:StringEquals", "ForAnyValue:StringEquals", "may ('PutItem'"),
        (f'["{LEDGER}"]', f'["{LEDGER}*"]', "may not ('Query'"),
    ):
        assert old in statements, old
        found = complaints(json.loads(statements.replace(old, new)))
        assert any(c.startswith(complaint) for c in found), f"{old} -> {new}: {found}"


@check("the attributes that roles may write are those that the programs name")
def attributes() -> None:
    items = sources("LedgerItem")
    # Limits are only read.
    items = items[: items.index("enum LimitsItem")]
    # What is read of an item, but not of a map in it; and what only DynamoDB reads.
    written = set(re.findall(r'fields\.\w+\("(\w+)"', items)) | {"expires"}
    assert '"expires": ' in items
    conditions = sources("TableWrite", "DynamoDBLedgerStore")
    lists = "".join(re.findall(r"(?:names|raised): \[([^\]]*)\]", conditions))
    assert set(re.findall(r'"(\w+)"', lists)) - {"pk"} <= written, lists
    found = documents(planning.variant("the least"))
    for role in ("task", "endpoint"):
        (statement,) = (s for s in found[role] if s["Sid"] == "WriteTheLedger")
        allowed = statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"]
        assert set(allowed) == written | {"pk", "sk"}, written ^ set(allowed)


@check("the attributes of a call, as the checks find them, are those that its parameters name")
def attributes_of_calls() -> None:
    names = {"#a": "first", "#b.c": "never", "#d": "second"}
    text = "SET #a.#d[3].x = if_not_exists(plain, :value), e = :e REMOVE f"
    parameters = {"UpdateExpression": text, "ExpressionAttributeNames": names}
    assert iam.attributes(parameters) == {"first", "plain", "e", "f"}
    condition = "attribute_exists(#d) AND NOT size(g) < :n OR begins_with(h, :p)"
    parameters |= {"ConditionExpression": condition, "UpdateExpression": "ADD i :n"}
    assert iam.attributes(parameters) == {"second", "g", "h", "i"}


@check("what IAM cannot keep a run from doing to the limits is in the module's page")
def limits_left() -> None:
    sentences = run_chapter().split(". ")
    statements = documents(planning.variant("the least"))["task"]
    for what, operation, parameters in (
        ("delete", "DeleteItem", {"Key": key("limits")}),
        ("empty", "PutItem", put("limits")),
    ):
        assert ledger_call(statements, operation, parameters), what
        assert any(what in s and "limits" in s for s in sentences), what


@check("a schedule can set the scheduled count alone, and without schedules nothing is written")
def schedule_writes() -> None:
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        statements = documents(plan).get("scheduler", [])
        schedules = plan.of("aws_scheduler_schedule")
        targets = [v["target"][0] for a, v in schedules.items() if ".desired_count[" in a]
        for target in targets:
            assert ledger_call(statements, "UpdateItem", json.loads(target["input"]))
        one = update("limits/scheduled", "SET #d = :d", d="desired_count")
        assert ledger_call(statements, "UpdateItem", one) == bool(targets)
        assert {a for a in actions(statements) if a.startswith("dynamodb:")} <= {
            "dynamodb:UpdateItem"
        }
        for parameters in (
            update("limits", "SET #m = :m", m="max_count"),
            update("ledger", "SET #s = :s", s="size"),
            update("limits/scheduled", "SET #d = :d", "tfc/other", d="desired_count"),
        ):
            assert not ledger_call(statements, "UpdateItem", parameters), parameters


@check("runs can protect the tasks of their own cluster, and no others")
def protection() -> None:
    found = documents(planning.variant("the least"))
    statements = found["task"]

    def protects(task: str, cluster: str = CLUSTER) -> bool:
        place = f"arn:aws:ecs:{ACCOUNT}:task/{task}"
        return may(statements, "ecs:UpdateTaskProtection", place, ecs__cluster=cluster)

    assert protects("tfc/825a3582")
    assert not protects("other/825a3582", CLUSTER.replace("/tfc", "/other"))
    assert not protects("tfc2/825a3582", CLUSTER + "2")
    assert not may(statements, "ecs:StopTask", f"arn:aws:ecs:{ACCOUNT}:task/tfc/825a3582")
    # The endpoint has no task that it could mean.
    assert "ecs:UpdateTaskProtection" not in actions(found["endpoint"])


@check("runs and the endpoint can ask for the tasks of their own cluster, and no others")
def description() -> None:
    found = documents(planning.variant("the least"))

    def describes(role: str, task: str, cluster: str = CLUSTER) -> bool:
        place = f"arn:aws:ecs:{ACCOUNT}:task/{task}"
        return may(found[role], "ecs:DescribeTasks", place, ecs__cluster=cluster)

    for role in ("task", "endpoint"):
        assert describes(role, "tfc/825a3582"), role
        assert not describes(role, "other/825a3582", CLUSTER.replace("/tfc", "/other")), role
        assert not describes(role, "tfc2/825a3582", CLUSTER + "2"), role


@check("each role calls the services that it is there for, and runs become terraform_dev_role only")
def services() -> None:
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        found = documents(plan)
        for role, own in {
            "task": {"dynamodb", "ecs", "sts"},
            "endpoint": {"dynamodb", "ecs", "logs", "ssm"},
            "execution": {"ecr", "logs", "ssm"},
            "scheduler": {"dynamodb", "lambda"},
        }.items():
            called = {action.split(":")[0] for action in actions(found.get(role, []))}
            assert called <= own, f"{name}: {role} calls {sorted(called - own)}"
        for role in ("dev", "execution", "endpoint", "scheduler", "task"):
            name_of_role = f"tfc-eu-central-1-{role.replace('dev', 'terraform-dev')}"
            other = f"arn:aws:iam::123456789012:role/{name_of_role}"
            is_dev = role == "dev" and "aws_iam_role.dev[0]" in plan.resources
            assert may(found["task"], "sts:AssumeRole", other) == is_dev, f"{name}: {other}"


SECRETS = ("agent-token", "hmac-key", "notification-token", "tfe-token")
READING = ("GetParameter", "GetParameters", "GetParameterHistory", "GetParametersByPath")


def reads(statements: list[dict], action: str, path: str) -> bool:
    return may(statements, f"ssm:{action}", PARAMETERS + path)


@check("the task role cannot read any parameter, and each other role only those that it needs")
def parameters() -> None:
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        found = documents(plan)
        has_token = bool(plan.of("aws_ssm_parameter").keys() & {"aws_ssm_parameter.tfe_token[0]"})
        token = {"tfe-token"} if has_token else set()
        has_own = "aws_ssm_parameter.notification_token[0]" in plan.resources
        other = {"notification-token"} if has_own else set()
        wanted = {
            "task": ("GetParameter", set()),
            "scheduler": ("GetParameter", set()),
            "endpoint": ("GetParameter", {"hmac-key"} | other | token),
            "execution": ("GetParameters", {"agent-token"} | token),
        }
        for role, (action, some) in wanted.items():
            statements = found.get(role, [])
            readable = {s for s in SECRETS if reads(statements, action, f"/tfc/{s}")}
            assert readable == some, f"{name}: {role} reads {readable}"
            assert {a for a in actions(statements) if a.startswith("ssm:")} <= {f"ssm:{action}"}
            assert not reads(statements, action, "/other/agent-token")
        assert not {a for a in actions(found["task"]) if a.split(":")[0] in ("ssm", "kms")}


# ReadOnlyAccess and AdministratorAccess, as far as they matter here.
WIDE_OPEN = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}


@check("whatever policies terraform_dev_role is given, it cannot read the pool's secrets")
def dev_role() -> None:
    for name in planning.VARIANTS:
        plan = planning.variant(name)
        found = documents(plan)
        assert ("dev" in found) == ("aws_iam_role.dev[0]" in plan.of("aws_iam_role"))
        if "dev" not in found:
            continue
        statements = [WIDE_OPEN, *found["dev"]]
        for action in READING:
            for secret in SECRETS:
                assert not reads(statements, action, f"/tfc/{secret}"), f"{action} {secret}"
        # By path it is the path that is judged, not what lies below it.
        for path in ("/", "/tfc", "/tfc/"):
            assert not reads(statements, "GetParametersByPath", path), path
        key = f"arn:aws:kms:{ACCOUNT}:key/1234"
        context = {"kms:EncryptionContext:PARAMETER_ARN": f"{PARAMETERS}/tfc/agent-token"}
        assert not allows(statements, Request("kms:Decrypt", key, context))
        # What is not the pool's stays as the owner wants it.
        assert reads(statements, "GetParameter", "/tfc2/mine")
        assert reads(statements, "GetParametersByPath", "/mine")
        context = {"kms:EncryptionContext:PARAMETER_ARN": f"{PARAMETERS}/mine"}
        assert allows(statements, Request("kms:Decrypt", key, context))
        assert allows(statements, Request("kms:Decrypt", key))
        assert not actions(found["dev"]), "by itself it may do nothing"


@check("by default runs are given nothing in the account, in the module as in its example")
def nothing_by_default() -> None:
    plan = planning.variant("the least")
    assert not plan.of("aws_iam_role_policy_attachment")
    examples = planning.MODULE / "examples"
    for path in (
        planning.MODULE / "variables.tf",
        examples / "run-task/variables.tf",
        examples / "several-pools/main.tf",
    ):
        text = path.read_text()
        body = text[text.index('variable "terraform_dev_policy_arns"') :]
        assert re.search(r"default\s+= \[\]", body[: body.index("\n}\n")]), path


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
                assert principal == {
                    "AWS": ["arn:aws:iam::123456789012:role/tfc-eu-central-1-task"]
                }
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
