"""Several pools behind one endpoint: what is made of an endpoint where another one serves, and what
the one that serves may do."""

import json
import re

import planning
from checks import check
from company_checks import function
from planning import OTHER_POOL, WITH_API
from policy_checks import ACCOUNT, documents, may

KEY = OTHER_POOL["kms_key_arns"][0]
POOLS = [
    {
        "name": "plans",
        "pool": OTHER_POOL,
        "when": {"stages": ["pre_plan"], "workspaces": ["prod-*"]},
    },
    {"name": "own", "default": True},
]
OTHER_SERVICE = f"arn:aws:ecs:{ACCOUNT}:service/other/other-agents"
OF_AN_ENDPOINT = (
    "aws_lambda",
    "aws_lb",
    'aws_iam_role.this["endpoint"]',
    "aws_cloudwatch_log_group.endpoint",
    "aws_ssm_parameter.hmac_key",
)


@check("a pool whose endpoint is another's makes none, and can do as much as any other")
def none() -> None:
    plain = planning.variant("the least")
    plan = planning.plan({"endpoint": "none", "endpoint_image": None})
    assert not [a for a in plan.resources if a.startswith(OF_AN_ENDPOINT)]
    assert [a for a in plain.resources if a.startswith(OF_AN_ENDPOINT)]
    outputs = {name: output.get("value") for name, output in plan.outputs.items()}
    for name in ("webhook_url", "hmac_key", "endpoint_role_arn", "endpoint_log_group"):
        assert outputs[name] is None, name
    assert documents(plan)["task"] == documents(plain)["task"]
    assert plan.containers == plain.containers
    assert not plan.of("aws_scheduler_schedule")


@check("an endpoint that serves several pools is told of each, and of none twice")
def told() -> None:
    plan = planning.plan({**WITH_API, "pools": POOLS})
    variables = function(plan)
    assert json.loads(variables["POOLS"]) == [
        {
            "name": "plans",
            "ecs_cluster": "other",
            "ecs_service": "other-agents",
            "ledger_table": "other-ledger",
            "when": {"stages": ["pre_plan"], "workspaces": ["prod-*"]},
        },
        {
            "name": "own",
            "ecs_cluster": "tfc",
            "ecs_service": "tfc-agents",
            "ledger_table": "tfc-ledger",
            "agent_pool_name": "ecs",
            "agent_pool_id": "apool-abc123",
            "default": True,
        },
    ]
    assert not {"ECS_SERVICE", "TFC_AGENT_POOL_NAME", "TFC_AGENT_POOL_ID"} & set(variables)


@check("what is said of a pool is what the endpoint reads, with every rule that there is")
def fields() -> None:
    rules = {
        "organizations": ["example"],
        "workspaces": ["prod-*"],
        "stages": ["pre_plan"],
        "projects": ["prj-1"],
        "tags": ["prod"],
        "speculative": False,
    }
    other = {"name": "other", "pool": OTHER_POOL, "when": rules}
    pools = [other | {"agent_pool_name": "other", "agent_pool_id": "apool-1"}, {"name": "own"}]
    plan = planning.plan({**WITH_API, "pools": pools})
    said = json.loads(function(plan)["POOLS"])[0]
    assert said["when"] == rules
    source = (planning.ROOT / "Sources/ScaleUp/PoolSettings.swift").read_text()
    read = set(re.findall(r'\w+\.(?:text|name|texts|flag|object|count)\(\s*"(\w+)"', source))
    assert set(said) | set(rules) <= read, (set(said) | set(rules)) - read
    # And nothing that it reads cannot be said: limits are in each pool's own table.
    own = {"default", "desired_count", "max_count", "spare_count", "organization"}
    assert read == set(said) | set(rules) | own, read


@check("the endpoint's role may size the services that it serves, and no run may size another's")
def roles() -> None:
    plan = planning.plan({"pools": POOLS, "kms_key": {"arn": KEY + "0"}})
    found = documents(plan)
    own = f"arn:aws:ecs:{ACCOUNT}:service/tfc/tfc-agents"
    for service, role, expected in (
        (own, "endpoint", True),
        (OTHER_SERVICE, "endpoint", True),
        (f"arn:aws:ecs:{ACCOUNT}:service/other/another", "endpoint", False),
        (own, "task", True),
        (OTHER_SERVICE, "task", False),
    ):
        assert may(found[role], "ecs:UpdateService", service) == expected, (service, role)
    definition = f"arn:aws:ecs:{ACCOUNT}:task-definition/another:1"
    assert not may(
        found["endpoint"], "ecs:UpdateService", OTHER_SERVICE, ecs__task_definition=definition
    )
    table = f"arn:aws:dynamodb:{ACCOUNT}:table/other-ledger"
    for partition, expected in (("other/other-agents", True), ("other/another", False)):
        context = {"dynamodb__LeadingKeys": [partition]}
        assert may(found["endpoint"], "dynamodb:Query", table, **context) == expected
        assert not may(found["task"], "dynamodb:Query", table, **context)
    for cluster in ("tfc", "other"):
        arn = f"arn:aws:ecs:{ACCOUNT}:cluster/{cluster}"
        assert may(found["endpoint"], "ecs:ListTasks", "*", ecs__cluster=arn)
        assert may(found["task"], "ecs:ListTasks", "*", ecs__cluster=arn) == (cluster == "tfc")
    context = {"kms__EncryptionContext__aws__dynamodb__tableName": "other-ledger"}
    assert may(found["endpoint"], "kms:Decrypt", KEY, **context)
    assert not may(found["task"], "kms:Decrypt", KEY, **context)


@check("ten pools behind one endpoint are no more than IAM and Lambda take")
def many() -> None:
    names = [f"pool-with-a-long-name-{n}" for n in range(9)]
    others = [
        {
            "name": n,
            "pool": {**OTHER_POOL, "cluster": n, "service": f"{n}-agents", "ledger_table": n},
        }
        for n in names
    ]
    plan = planning.plan({"pools": [*others, {"name": "own", "default": True}]})
    size = len(json.dumps(documents(plan)["endpoint"], separators=(",", ":")))
    assert size < 10_240, size
    assert sum(len(k) + len(v) for k, v in function(plan).items()) < 4_096
