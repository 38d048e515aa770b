"""What a company asks of whatever is made in its accounts: off by default, and once it is asked
for, in every resource that it concerns."""

import json
import re

import cfnlint.api
import planning
from caller_checks import GIVEN, KEY, PARAMETER, SECRET, call
from checks import check
from definition_checks import planned_definition, register
from iam import Request, allows
from planning import AS_SERVICE, WITH_API
from policy_checks import PARAMETERS, actions, documents, may, reads, update_service

ACCOUNT = "eu-central-1:123456789012"
NETWORK = {"vpc_id": "vpc-0123", "subnet_ids": ["subnet-1", "subnet-2"]}
EVERY_ROLE = {"dev", "endpoint", "execution", "scheduler", "task"}
DAY = {"name": "day", "expression": "rate(1 day)", "desired_count": 1}


def environment(container: dict) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in container["environment"]}


def secrets(container: dict) -> dict[str, str]:
    return {pair["name"]: pair["valueFrom"] for pair in container.get("secrets", [])}


def function(plan: planning.Plan) -> dict[str, str]:
    return plan.one("aws_lambda_function.scale_up[0]")["environment"][0]["variables"]


def endpoint_container(plan: planning.Plan) -> dict:
    text = plan.one("aws_ecs_task_definition.endpoint[0]")["container_definitions"]
    (container,) = json.loads(text)
    return container


def decrypts(statements: list[dict], **context: str) -> bool:
    named = {f"kms:EncryptionContext:{k.replace('__', ':')}": v for k, v in context.items()}
    return allows(statements, Request("kms:Decrypt", KEY, named))


@check("a permissions boundary and a path are those of every role, and of every ARN that names one")
def boundary() -> None:
    arn = "arn:aws:iam::123456789012:policy/boundary"
    plain = planning.variant("the least")
    plan = planning.plan({"permissions_boundary_arn": arn, "role_path": "/platform/agents/"})
    for which, expected in ((plain, (None, "/")), (plan, (arn, "/platform/agents/"))):
        roles = which.of("aws_iam_role")
        assert len(roles) == len(EVERY_ROLE)
        for address, role in roles.items():
            assert (role["permissions_boundary"], role["path"]) == expected, address
        named = re.findall(r"arn:aws:iam::123456789012:role/[\w/-]+", json.dumps(documents(which)))
        trust = which.one("aws_iam_role.dev[0]")["assume_role_policy"]
        named += re.findall(r"arn:aws:iam::123456789012:role/[\w/-]+", trust)
        prefix = f"arn:aws:iam::123456789012:role{expected[1]}tfc-eu-central-1-"
        assert len(named) == 2 and all(arn.startswith(prefix) for arn in named), named


@check("roles are named after their region, so that one prefix serves several")
def regional() -> None:
    here = planning.variant("the least").of("aws_iam_role")
    there = planning.plan({"region": "ap-southeast-2"}).of("aws_iam_role")
    assert not {r["name"] for r in here.values()} & {r["name"] for r in there.values()}
    longest = planning.plan({"prefix": "a" * 20, "region": "ap-southeast-2"})
    for role in longest.of("aws_iam_role").values():
        assert len(role["name"]) <= 64, role["name"]


@check("a key of one's own encrypts secrets, logs and table, and opens to each role what it reads")
def kms_key() -> None:
    inputs = {**WITH_API, "schedules": [DAY], "notifications": {"own_token": True}}
    plain = planning.plan(inputs)
    plan = planning.plan({**inputs, "kms_key": {"arn": KEY}})
    for which, key in ((plain, None), (plan, KEY)):
        parameters = which.of("aws_ssm_parameter")
        assert len(parameters) == 4
        assert {p["key_id"] for p in parameters.values()} == {key}
        groups = which.of("aws_cloudwatch_log_group")
        assert len(groups) == 2
        assert {g["kms_key_id"] for g in groups.values()} == {key}
        encryption = which.one("aws_dynamodb_table.ledger")["server_side_encryption"]
        assert [e["kms_key_arn"] for e in encryption] == ([key] if key else [])
    assert not any(a.startswith("kms:") for s in documents(plain).values() for a in actions(s))
    found = documents(plan)
    # What each may open, by what the key is asked for.
    table, other = "tfc-ledger", "another"
    for role, readable, opens_table in (
        ("task", set(), True),
        ("scheduler", set(), True),
        ("endpoint", {"hmac-key", "notification-token", "tfe-token"}, True),
        ("execution", {"agent-token", "tfe-token"}, False),
    ):
        statements = found[role]
        opened = {
            name
            for name in ("agent-token", "hmac-key", "notification-token", "tfe-token", "another")
            if decrypts(statements, PARAMETER_ARN=f"{PARAMETERS}/tfc/{name}")
        }
        assert opened == readable, f"{role}: {opened}"
        assert decrypts(statements, aws__dynamodb__tableName=table) == opens_table, role
        assert not decrypts(statements, aws__dynamodb__tableName=other), role
        assert not decrypts(statements), role
    wide = [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}, *found["dev"]]
    assert not decrypts(wide, PARAMETER_ARN=f"{PARAMETERS}/tfc/agent-token")


@check("secrets that are there already are read by their ARNs, and none is made or in the state")
def existing_secrets() -> None:
    whole = SECRET + ":token::"
    brought = {
        "agent_token": {"arn": whole},
        "hmac_key": {"arn": PARAMETER + "/hmac"},
        "notification_configuration_token": {"arn": PARAMETER + "/notification"},
        "tfe_token": {"arn": PARAMETER + "/tfe"},
    }
    inputs = {
        "tfc_agent_token": None,
        "existing_secrets": brought,
        "notifications": {"own_token": True},
        "terraform_api": WITH_API["terraform_api"],
        "secrets_kms_key_arns": [KEY],
    }
    plan = planning.plan(inputs)
    assert not plan.of("aws_ssm_parameter")
    assert plan.outputs["hmac_key"].get("value") is None
    assert plan.outputs["notification_configuration_token"].get("value") is None
    assert secrets(plan.containers["tfc-agent"])["TFC_AGENT_TOKEN"] == whole
    assert secrets(plan.containers["agent-sidecar"])["TFE_TOKEN"] == PARAMETER + "/tfe"
    assert function(plan)["RUN_TASK_HMAC_KEY_PARAMETER"] == PARAMETER + "/hmac"
    assert function(plan)["NOTIFICATION_TOKEN_PARAMETER"] == PARAMETER + "/notification"
    assert function(plan)["TFE_TOKEN_PARAMETER"] == PARAMETER + "/tfe"
    found = documents(plan)
    # IAM knows a secret without the key of its JSON.
    assert may(found["execution"], "secretsmanager:GetSecretValue", SECRET)
    assert may(found["execution"], "ssm:GetParameters", PARAMETER + "/tfe")
    assert not may(found["execution"], "ssm:GetParameters", PARAMETER + "/hmac")
    assert may(found["endpoint"], "ssm:GetParameter", PARAMETER + "/hmac")
    assert may(found["endpoint"], "ssm:GetParameter", PARAMETER + "/notification")
    assert not may(found["execution"], "ssm:GetParameters", PARAMETER + "/notification")
    assert may(found["endpoint"], "ssm:GetParameter", PARAMETER + "/tfe")
    assert may(found["execution"], "kms:Decrypt", KEY)
    assert decrypts(found["endpoint"], PARAMETER_ARN=PARAMETER + "/hmac")
    assert not decrypts(found["endpoint"], PARAMETER_ARN=PARAMETER + "/other")
    for role in ("task", "scheduler"):
        assert not {a.split(":")[0] for a in actions(found[role])} & {
            "ssm",
            "secretsmanager",
            "kms",
        }
        for secret in ("agent-token", "hmac-key"):
            assert not reads(found[role], "GetParameter", f"/tfc/{secret}")


@check("notifications have the run task's key or a token of their own, and announce when asked to")
def notifications() -> None:
    plain = planning.variant("the least")
    assert function(plain)["ANNOUNCE_RUN_CREATED"] == "false"
    assert "NOTIFICATION_TOKEN_PARAMETER" not in function(plain)
    assert not plain.of("aws_ssm_parameter").keys() & {"aws_ssm_parameter.notification_token[0]"}
    same = planning.plan({"notification_token": planning.HMAC_KEY})
    assert same.outputs["notification_configuration_token"]["value"] == planning.HMAC_KEY
    made = planning.plan({"notifications": {"own_token": True}})
    assert made.one("random_password.notification_token[0]")["length"] == 64
    given = planning.variant("everything, with a function")
    for plan, announces in ((made, "false"), (given, "true")):
        assert function(plan)["NOTIFICATION_TOKEN_PARAMETER"] == "/tfc/notification-token"
        assert function(plan)["ANNOUNCE_RUN_CREATED"] == announces
        assert "NOTIFICATION_TOKEN" not in function(plan)
        assert reads(documents(plan)["endpoint"], "GetParameter", "/tfc/notification-token")
    parameter = given.one("aws_ssm_parameter.notification_token[0]")
    assert parameter["value"] == planning.NOTIFICATION_TOKEN
    output = given.outputs["notification_configuration_token"]
    assert output["value"] == planning.NOTIFICATION_TOKEN


@check("runs cannot read the secrets that were brought along by becoming terraform_dev_role either")
def dev_and_existing() -> None:
    brought = {"agent_token": {"arn": SECRET + ":token::"}, "hmac_key": {"arn": PARAMETER}}
    mine = SECRET.replace("agents", "of-runs")
    inputs = {
        "tfc_agent_token": None,
        "existing_secrets": brought,
        "container_secrets": {"agent": {"MINE": mine}, "sidecar": {"NOT_MINE": PARAMETER + "/x"}},
    }
    plan = planning.plan(inputs)
    wide = [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}, *documents(plan)["dev"]]
    assert not may(wide, "secretsmanager:GetSecretValue", SECRET)
    assert not may(wide, "secretsmanager:BatchGetSecretValue", SECRET)
    for action in ("GetParameter", "GetParameters", "GetParameterHistory", "GetParametersByPath"):
        assert not may(wide, f"ssm:{action}", PARAMETER), action
        assert not may(wide, f"ssm:{action}", PARAMETER + "/x"), action
    # /platform/agents is read from there as well.
    assert not may(wide, "ssm:GetParametersByPath", f"{PARAMETERS}/platform")
    assert may(wide, "ssm:GetParametersByPath", f"{PARAMETERS}/platform2")
    assert not decrypts(wide, PARAMETER_ARN=PARAMETER)
    assert not decrypts(wide, SecretARN=SECRET)
    assert decrypts(wide, SecretARN=mine)
    assert may(wide, "secretsmanager:GetSecretValue", mine)
    assert may(wide, "secretsmanager:GetSecretValue", SECRET.replace("agents", "others"))


@check("an existing cluster takes the services, and its name is in every policy and key")
def existing_cluster() -> None:
    plan = planning.plan({**AS_SERVICE, "ecs_cluster": {"name": "shared"}})
    assert not plan.of("aws_ecs_cluster") and not plan.of("aws_ecs_cluster_capacity_providers")
    arn = f"arn:aws:ecs:{ACCOUNT}:cluster/shared"
    for service in plan.of("aws_ecs_service").values():
        assert service["cluster"] == arn
    service = f"arn:aws:ecs:{ACCOUNT}:service/shared/tfc-agents"
    for role in ("task", "endpoint"):
        statements = documents(plan)[role]
        assert may(statements, "ecs:UpdateService", service)
        assert may(statements, "ecs:ListTasks", "*", ecs__cluster=arn)
        assert "cluster/tfc" not in json.dumps(statements)
    assert environment(plan.containers["agent-sidecar"])["ECS_CLUSTER"] == "shared"
    item = json.loads(plan.one("aws_dynamodb_table_item.limits")["item"])
    assert item["pk"] == {"S": "shared/tfc-agents"}


@check("Container Insights is the account's own choice, or what is asked for")
def insights() -> None:
    for inputs, expected in (({}, []), ({"container_insights": "enhanced"}, ["enhanced"])):
        cluster = planning.plan(inputs).one("aws_ecs_cluster.this[0]")
        assert [s["value"] for s in cluster["setting"]] == expected


@check("further security groups are the agents', and egress is what is asked for, IPv6 too")
def egress() -> None:
    rules = planning.variant("the least").of("aws_vpc_security_group_egress_rule")
    (rule,) = rules.values()
    assert (rule["ip_protocol"], rule["cidr_ipv4"]) == ("-1", "0.0.0.0/0")
    plan = planning.plan(
        {
            "security_group_ids": ["sg-1", "sg-2"],
            "egress": {
                "v6": {"cidr_ipv6": "2001:db8::/32"},
                "list": {
                    "ip_protocol": "tcp",
                    "from_port": 443,
                    "to_port": 443,
                    "prefix_list_id": "pl-1",
                },
                "group": {
                    "ip_protocol": "udp",
                    "from_port": 53,
                    "to_port": 53,
                    "security_group_id": "sg-3",
                },
            },
        }
    )
    found = {
        address: {
            key: rule[key]
            for key in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")
            if rule[key]
        }
        for address, rule in plan.of("aws_vpc_security_group_egress_rule").items()
    }
    assert found == {
        'aws_vpc_security_group_egress_rule.agents["v6"]': {"cidr_ipv6": "2001:db8::/32"},
        'aws_vpc_security_group_egress_rule.agents["list"]': {"prefix_list_id": "pl-1"},
        'aws_vpc_security_group_egress_rule.agents["group"]': {
            "referenced_security_group_id": "sg-3"
        },
    }
    (configuration,) = plan.one("aws_ecs_service.agents")["network_configuration"]
    # The module's own has no id yet.
    assert {"sg-1", "sg-2"} < {g for g in configuration["security_groups"]} | {None}


@check("the load balancer lets in whom it is told to, by any of the four kinds")
def ingress() -> None:
    sources = {
        "v4": {"cidr_ipv4": "192.0.2.0/24"},
        "v6": {"cidr_ipv6": "2001:db8::/32"},
        "list": {"prefix_list_id": "pl-1"},
        "group": {"security_group_id": "sg-1"},
    }
    plan = planning.plan({**AS_SERVICE, "endpoint_ingress": sources})
    rules = plan.of("aws_vpc_security_group_ingress_rule")
    for name, source in sources.items():
        rule = rules[f'aws_vpc_security_group_ingress_rule.load_balancer["{name}"]']
        ((key, value),) = source.items()
        key = key.replace("security_group_id", "referenced_security_group_id")
        assert rule[key] == value and rule["from_port"] == rule["to_port"] == 443


@check("a function in the VPC has its subnets, a group with its rules, and Lambda's rights alone")
def function_in_vpc() -> None:
    plain = planning.variant("the least")
    assert plain.one("aws_lambda_function.scale_up[0]")["vpc_config"] == []
    assert not plain.of("aws_security_group").keys() & {"aws_security_group.endpoint[0]"}
    rule = {"from_port": 3128, "to_port": 3128, "cidr_ipv4": "10.0.0.0/8"}
    plan = planning.plan(
        {"network": NETWORK, "function_in_vpc": True, "endpoint_egress": {"proxy": rule}}
    )
    (configuration,) = plan.one("aws_lambda_function.scale_up[0]")["vpc_config"]
    assert configuration["subnet_ids"] == NETWORK["subnet_ids"]
    assert "aws_security_group.endpoint[0]" in plan.of("aws_security_group")
    rules = plan.of("aws_vpc_security_group_egress_rule")
    assert rules['aws_vpc_security_group_egress_rule.endpoint["proxy"]']["from_port"] == 3128
    statements = documents(plan)["endpoint"]
    assert may(statements, "ec2:CreateNetworkInterface", "*")
    own = f"arn:aws:lambda:{ACCOUNT}:function:tfc-scale-up"
    context = {"lambda:SourceFunctionArn": own}
    assert not allows(statements, Request("ec2:CreateNetworkInterface", "*", context))
    assert not any(a.startswith("ec2:") for a in actions(documents(plain)["endpoint"]))
    # Nobody is let in: Lambda needs no rule for that.
    assert not plan.of("aws_vpc_security_group_ingress_rule")


@check("the function's concurrency is the account's, or what is asked for")
def concurrency() -> None:
    for inputs, expected in (({}, None), ({"function_reserved_concurrency": 5}, 5)):
        values = planning.plan(inputs).one("aws_lambda_function.scale_up[0]")
        assert values["reserved_concurrent_executions"] == expected


@check("further variables and secrets reach the container that they are for, and ECS may read them")
def containers() -> None:
    inputs = {
        **AS_SERVICE,
        "environment": {"agent": {"A": "1"}, "sidecar": {"B": "2"}, "endpoint": {"C": "3"}},
        "container_secrets": {
            "agent": {"D": SECRET + ":key::"},
            "sidecar": {"E": PARAMETER},
            "endpoint": {"F": SECRET.replace("agents", "endpoint")},
        },
    }
    plan = planning.plan(inputs)
    three = {
        "agent": plan.containers["tfc-agent"],
        "sidecar": plan.containers["agent-sidecar"],
        "endpoint": endpoint_container(plan),
    }
    for name, container in three.items():
        mine = environment(container)
        assert {k: v for k, v in mine.items() if len(k) == 1} == inputs["environment"][name]
        some = {k: v for k, v in secrets(container).items() if len(k) == 1}
        assert some == inputs["container_secrets"][name]
        assert "LOG_LEVEL" in mine or name == "agent"
    statements = documents(plan)["execution"]
    assert may(statements, "secretsmanager:GetSecretValue", SECRET)
    assert may(statements, "secretsmanager:GetSecretValue", SECRET.replace("agents", "endpoint"))
    assert may(statements, "ssm:GetParameters", PARAMETER)
    assert not may(statements, "secretsmanager:GetSecretValue", SECRET.replace("agents", "others"))
    variables = function(planning.plan({"environment": {"endpoint": {"C": "3"}}}))
    assert variables["C"] == "3" and "LEDGER_TABLE" in variables
    register(planned_definition(plan))


@check("the agent's container starts what it is told, with files, disk and size as asked for")
def sizes() -> None:
    plain = planning.variant("the least")
    assert not {"command", "ulimits"} & set(plain.containers["tfc-agent"])
    assert plain.one("aws_ecs_task_definition.agents")["ephemeral_storage"] == []
    plan = planning.plan(
        {
            "agent_command": ["/opt/start-agent", "-x"],
            "agent_open_files": 262144,
            "ephemeral_storage_gib": 100,
            "task_cpu": 32768,
            "task_mem": 249856,
        }
    )
    agent = plan.containers["tfc-agent"]
    # The launcher stays PID 1, and starts it.
    assert agent["entryPoint"] == ["/run/agent-link/agent-launcher"]
    assert agent["command"] == ["/opt/start-agent", "-x"]
    assert agent["ulimits"] == [{"name": "nofile", "softLimit": 262144, "hardLimit": 262144}]
    values = plan.one("aws_ecs_task_definition.agents")
    assert values["ephemeral_storage"] == [{"size_in_gib": 100}]
    assert (values["cpu"], values["memory"]) == ("32768", "249856")
    register(planned_definition(plan))


@check("further containers end no task, log where the agents do, and their images can be pulled")
def extra_containers() -> None:
    own_log = {"logDriver": "awsfirelens"}
    plan = planning.plan(
        {
            "extra_containers": [
                {"name": "scanner", "image": f"{planning.REGISTRY}/scanner:v1", "cpu": 10},
                {"name": "router", "image": "example.com/router:1", "logConfiguration": own_log},
            ]
        }
    )
    found = plan.containers
    assert list(found) == ["launcher-delivery", "agent-sidecar", "tfc-agent", "scanner", "router"]
    assert found["scanner"]["essential"] is found["router"]["essential"] is False
    log = found["scanner"]["logConfiguration"]
    assert log["options"]["awslogs-group"] == "/ecs/tfc-agents"
    assert log["options"]["awslogs-stream-prefix"] == "scanner"
    # A log that cannot be written must not hold the task up.
    assert log["options"]["mode"] == "non-blocking"
    assert found["router"]["logConfiguration"] == own_log
    assert found["scanner"]["cpu"] == 10
    repository = "arn:aws:ecr:eu-central-1:123456789012:repository/scanner"
    assert may(documents(plan)["execution"], "ecr:BatchGetImage", repository)
    register(planned_definition(plan))


@check("a volume of EFS is encrypted on its way, mounted where it is asked for, and opened by role")
def volumes() -> None:
    plan = planning.plan(
        {
            "volumes": {
                "cache": {
                    "efs": {"file_system_id": "fs-1", "access_point_id": "fsap-1", "iam": True}
                },
                "certificates": {"efs": {"file_system_id": "fs-2"}},
                "scratch": {},
            },
            "mounts": {
                "agent": [
                    {"volume": "cache", "path": "/cache", "read_only": False},
                    {"volume": "certificates", "path": "/certificates"},
                ],
                "sidecar": [{"volume": "certificates", "path": "/certificates"}],
            },
        }
    )
    made = {v["name"]: v for v in plan.one("aws_ecs_task_definition.agents")["volume"]}
    assert set(made) == {"agent-link", "cache", "certificates", "scratch"}
    for name, point, iam in (("cache", "fsap-1", "ENABLED"), ("certificates", None, "DISABLED")):
        (efs,) = made[name]["efs_volume_configuration"]
        assert efs["transit_encryption"] == "ENABLED"
        (authorization,) = efs["authorization_config"]
        assert authorization == {"access_point_id": point, "iam": iam}

    def mounts(container: str) -> dict[str, tuple[str, bool]]:
        points = plan.containers[container]["mountPoints"]
        return {p["sourceVolume"]: (p["containerPath"], p["readOnly"]) for p in points}

    assert mounts("tfc-agent") == {
        "agent-link": ("/run/agent-link", True),
        "cache": ("/cache", False),
        "certificates": ("/certificates", True),
    }
    assert mounts("agent-sidecar") == {
        "agent-link": ("/run/agent-link", False),
        "certificates": ("/certificates", True),
    }
    statements = documents(plan)["task"]
    for system, opens in (("fs-1", True), ("fs-2", False)):
        arn = f"arn:aws:elasticfilesystem:{ACCOUNT}:file-system/{system}"
        assert may(statements, "elasticfilesystem:ClientMount", arn) == opens
    plain = actions(documents(planning.variant("the least"))["task"])
    assert not any(a.startswith("elasticfilesystem:") for a in plain)


@check("a private registry's credentials are the container's whose image comes from it")
def registry() -> None:
    one, two, three = (SECRET.replace("agents", name) for name in ("one", "two", "three"))
    credentials = {"agent": {"arn": one}, "sidecar": {"arn": two}, "endpoint": {"arn": three}}
    plan = planning.plan({**AS_SERVICE, "registry_credentials": credentials})
    found = {**plan.containers, "scale-up": endpoint_container(plan)}
    for name, arn in (("tfc-agent", one), ("agent-sidecar", two), ("scale-up", three)):
        assert found[name]["repositoryCredentials"] == {"credentialsParameter": arn}
        assert may(documents(plan)["execution"], "secretsmanager:GetSecretValue", arn)
    for container in planning.variant("the least").containers.values():
        assert "repositoryCredentials" not in container


# Addresses of private repositories (Amazon ECR user guide, Amazon ECR endpoints), and what is none.
ADDRESSES = {
    "123456789012.dkr.ecr.eu-west-3.amazonaws.com/tfc-agent:1": ("eu-west-3", "tfc-agent"),
    "123456789012.dkr.ecr.eu-west-3.amazonaws.com/a/b@sha256:" + "0" * 64: ("eu-west-3", "a/b"),
    "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/c:1": ("cn-north-1", "c"),
    "123456789012.dkr-ecr.eu-west-1.on.aws/d:1": ("eu-west-1", "d"),
    "123456789012.dkr-ecr-fips.us-west-2.on.aws/e:1": ("us-west-2", "e"),
    "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/f:1": ("us-gov-west-1", "f"),
    "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn/g:1": ("cn-north-1", "g"),
    "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov/h:1": ("us-iso-east-1", "h"),
    "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov/i:1": ("us-isob-east-1", "i"),
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/j:1": ("eusc-de-east-1", "j"),
    "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk/k:1": ("eu-isoe-west-1", "k"),
    "123456789012.dkr.ecr.us-isof-east-1.csp.hci.ic.gov/l:1": ("us-isof-east-1", "l"),
    "public.ecr.aws/example/tfc-agent:1": None,
    "hashicorp/tfc-agent:1": None,
    "docker.io/hashicorp/tfc-agent:1": None,
    "ghcr.io/example/tfc-agent:1": None,
    "registry.example.com/123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1": None,
}


@check("every address of a private repository of ECR is known, and no other is taken for one")
def ecr_addresses() -> None:
    containers = [{"name": f"c{i}", "image": image} for i, image in enumerate(ADDRESSES)]
    plan = planning.plan(
        {
            "extra_containers": containers,
            "agent_image": "example.com/a:1",
            "sidecar_image": "example.com/b:1",
        }
    )
    (statement,) = (s for s in documents(plan)["execution"] if s["Sid"] == "Images")
    expected = {
        f"arn:aws:ecr:{place[0]}:123456789012:repository/{place[1]}"
        for place in ADDRESSES.values()
        if place
    }
    assert set(statement["Resource"]) == expected, set(statement["Resource"]) ^ expected


@check("an image may come through a pull-through cache where that is asked for")
def pull_through() -> None:
    repository = "arn:aws:ecr:eu-central-1:123456789012:repository/hub/hashicorp/tfc-agent"
    image = {"agent_image": f"{planning.REGISTRY}/hub/hashicorp/tfc-agent:1.33.0"}
    for inputs, expected in ((image, False), ({**image, "ecr_pull_through_cache": True}, True)):
        statements = documents(planning.plan(inputs))["execution"]
        assert may(statements, "ecr:BatchGetImage", repository)
        for action in ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository"):
            assert may(statements, action, repository) == expected, action


@check("a proxy is told to agent, sidecar and endpoint, and a task's own addresses go without")
def proxy() -> None:
    inputs = {"proxy": {"url": "http://proxy.example.com:3128", "no_proxy": ["tfe.example.com"]}}
    plan = planning.plan(inputs)
    service = planning.plan({**inputs, **AS_SERVICE})
    for found in (
        environment(plan.containers["tfc-agent"]),
        environment(plan.containers["agent-sidecar"]),
        function(plan),
        environment(endpoint_container(service)),
    ):
        assert found["HTTPS_PROXY"] == inputs["proxy"]["url"]
        without = found["NO_PROXY"].split(",")
        # Addresses of the task's own credentials, metadata and protection.
        assert {"169.254.170.2", "127.0.0.1", "localhost", "tfe.example.com"} <= set(without)
    # The agent's programs call plain http as well.
    agent = environment(plan.containers["tfc-agent"])
    assert agent["HTTP_PROXY"] == agent["http_proxy"] == inputs["proxy"]["url"]
    for container in planning.variant("the least").containers.values():
        assert not {n for n in environment(container) if n.lower().endswith("_proxy")}


@check("FIPS and dual-stack endpoints are asked of sidecar and endpoint, and of no run")
def endpoints() -> None:
    names = {"use_fips_endpoints": "AWS_USE_FIPS_ENDPOINT"}
    names["use_dualstack_endpoints"] = "AWS_USE_DUALSTACK_ENDPOINT"
    for given, name in [*names.items(), (None, None)]:
        plan = planning.plan({given: True}) if given else planning.variant("the least")
        for found in (environment(plan.containers["agent-sidecar"]), function(plan)):
            mine = {k: v for k, v in found.items() if k.startswith("AWS_")}
            assert mine == ({name: "true"} if name else {}), mine
        # Runs have settings of their own.
        assert "AWS_" not in str(list(environment(plan.containers["tfc-agent"])))


@check("endpoints of the VPC are called where they are said to be")
def own_endpoints() -> None:
    urls = {name: f"https://vpce-1.{name}.example.com" for name in ("ecs", "dynamodb", "ssm")}
    plan = planning.plan({"aws_endpoints": urls})
    for found in (environment(plan.containers["agent-sidecar"]), function(plan)):
        assert {k: v for k, v in found.items() if k.startswith("AWS_")} == {
            f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in urls.items()
        }


@check("ECS Exec is the service's, with the rights of its far end, and denies no call for the size")
def exec_command() -> None:
    plain = planning.variant("the least")
    plan = planning.plan({"enable_execute_command": True})
    shell = "ssmmessages:OpenDataChannel"
    for which, is_on in ((plain, False), (plan, True)):
        assert bool(which.one("aws_ecs_service.agents")["enable_execute_command"]) == is_on
        statements = documents(which)["task"]
        assert may(statements, shell, "*") == is_on
        # A call for the size alone may come with the service's own value.
        assert update_service(statements, **{"enable-execute-command": "true"}) == is_on
        assert "ecs:ExecuteCommand" not in actions(statements)
        assert shell not in actions(documents(which)["endpoint"])


@check("authorities of one's own, who may call and how long a task is handed over reach who asks")
def endpoint_settings() -> None:
    plain = planning.variant("the least")
    names = {"ALLOWED_ADDRESSES", "CA_BUNDLE", "TRUSTED_PROXIES"}
    assert not names & {*function(plain), *environment(plain.containers["agent-sidecar"])}
    ranges = ["192.0.2.0/24", "2001:db8::1"]
    inputs = {"ca_bundle": planning.CERTIFICATE, "allowed_addresses": ranges}
    plan = planning.plan({**inputs, "hand_over_limit_seconds": 300})
    sidecar = environment(plan.containers["agent-sidecar"])
    assert function(plan)["ALLOWED_ADDRESSES"] == "192.0.2.0/24,2001:db8::1"
    assert "TRUSTED_PROXIES" not in function(plan)
    behind = {"allowed_addresses": ranges, "trusted_proxies": ["10.0.1.0/24", "10.0.2.0/24"]}
    served = environment(endpoint_container(planning.plan({**AS_SERVICE, **behind})))
    assert served["ALLOWED_ADDRESSES"] == "192.0.2.0/24,2001:db8::1"
    assert served["TRUSTED_PROXIES"] == "10.0.1.0/24,10.0.2.0/24"
    assert function(plan)["CA_BUNDLE"] == sidecar["CA_BUNDLE"] == planning.CERTIFICATE
    assert sidecar["HAND_OVER_LIMIT_SECONDS"] == "300"
    assert not names & set(environment(plan.containers["tfc-agent"]))


@check("sidecar and endpoint log at the level, and wait for jobs as long, as is asked for")
def settings() -> None:
    plan = planning.plan({"log_level": "debug", "announced_job_timeout_seconds": 600})
    for found in (environment(plan.containers["agent-sidecar"]), function(plan)):
        assert found["LOG_LEVEL"] == "debug"
        assert found["ANNOUNCED_JOB_TIMEOUT_SECONDS"] == "600"


def pascal(value: object, is_free: bool = False) -> object:
    """As CloudFormation spells it; keys of maps that anybody may fill stay as they are."""
    if isinstance(value, dict):
        return {
            key if is_free else key[0].upper() + key[1:]: pascal(inner, key == "options")
            for key, inner in value.items()
        }
    return [pascal(inner) for inner in value] if isinstance(value, list) else value


def template(plan: planning.Plan) -> str:
    """Roles with their policies and the task definition of a plan, for CloudFormation."""
    roles = plan.of("aws_iam_role")
    resources: dict[str, dict] = {}
    for key, statements in documents(plan).items():
        role = roles["aws_iam_role.dev[0]" if key == "dev" else f'aws_iam_role.this["{key}"]']
        policy = {"Version": "2012-10-17", "Statement": statements}
        resources[key] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": json.loads(role["assume_role_policy"]),
                "Policies": [{"PolicyName": key, "PolicyDocument": policy}],
            },
        }
    resources["definition"] = {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": pascal(planned_definition(plan)),
    }
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})


def faults(text: str) -> list[str]:
    found = cfnlint.api.lint(text, config=cfnlint.api.ManualArgs(regions=["eu-central-1"]))
    return [f"{match.rule.id} {match.message[:200]}" for match in found]


@check("cfn-lint knows every action of the policies and every member of the task definition")
def linted() -> None:
    everything = planning.Plan.of_resources(call({"all": (GIVEN, set())})["all"])
    for plan in (*map(planning.variant, planning.VARIANTS), everything):
        assert not faults(template(plan))
    for right, wrong, complaint in (
        ("ecr:CreateRepository", "ecr:MakeRepository", "W3037"),
        ("ssmmessages:OpenDataChannel", "ssmmessages:OpenChannel", "W3037"),
        ('"Essential": true', '"Essentials": true', "E3002"),
    ):
        text = template(everything)
        assert right in text
        (fault,) = faults(text.replace(right, wrong))
        assert fault.startswith(complaint), fault


@check("the inline policies of a role are what IAM takes, with everything that can be set")
def policy_sizes() -> None:
    everything = planning.Plan.of_resources(call({"all": (GIVEN, set())})["all"])
    for role, statements in documents(everything).items():
        names = [statement["Sid"] for statement in statements]
        assert len(set(names)) == len(names), f"{role}: {names}"
        assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names), f"{role}: {names}"
        size = len(json.dumps(statements, separators=(",", ":")))
        # IAM's quota for all of a role's; what is left is for longer names and more secrets.
        assert size < 10_240 * 2 // 3, f"{role}: {size}"
