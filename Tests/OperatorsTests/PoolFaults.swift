import Operators

/// What can be wrong with a pool, one thing at a time, and the check that finds it.
enum PoolFaults {
    static let all: [SoundCloud.Fault] =
        service + definition + start + ledger + rights + terraform + operation

    private static let service: [SoundCloud.Fault] = [
        .init("service.active", in: "DescribeServices", #""ACTIVE""#, #""DRAINING""#),
        .init(
            "service.follows",
            in: "DescribeServices",
            #""desiredCount":1"#,
            #""desiredCount":4"#
        ),
        .init("service.capacity", in: "DescribeServices", #""FARGATE""#, #""FARGATE_SPOT""#),
        .init("service.platform", in: "DescribeServices", #""LATEST""#, #""1.3.0""#),
        .init("service.network", in: "DescribeServices", #"["sg-1"]"#, "[]"),
        .init("service.rebalancing", in: "DescribeServices", #""DISABLED""#, #""ENABLED""#),
        .init(
            "service.minimum_percent",
            in: "DescribeServices",
            #""minimumHealthyPercent":0"#,
            #""minimumHealthyPercent":100"#
        ),
        .init(
            "service.maximum_percent",
            in: "DescribeServices",
            #""maximumPercent":100"#,
            #""maximumPercent":200"#
        ),
        .init("service.breaker", in: "DescribeServices", #""enable":true"#, #""enable":false"#),
        .init(
            "service.controller",
            in: "DescribeServices",
            #""type":"ECS""#,
            #""type":"CODE_DEPLOY""#
        ),
        .init("service.scheduling", in: "DescribeServices", #""REPLICA""#, #""DAEMON""#),
        .init(
            "protection.tasks",
            in: "GetTaskProtection",
            #""protectionEnabled":true"#,
            #""protectionEnabled":false"#
        ),
    ]

    private static let definition: [SoundCloud.Fault] = [
        changed("definition.status", #""status":"ACTIVE""#, #""status":"INACTIVE""#),
        changed("definition.roles", #""executionRoleArn""#, #""noRoleArn""#),
        changed("definition.containers", #""name": "tfc-agent""#, #""name": "agent""#),
        changed(
            "definition.sidecar_not_essential",
            #""essential": false"#,
            #""essential": true"#
        ),
        changed("definition.sidecar_restarts", #""enabled": true"#, #""enabled": false"#),
        changed("definition.delivery", #""deliver"]"#, #""--version"]"#),
        changed("definition.start_timeout", #""startTimeout": 120"#, #""unknown": 120"#),
        changed("definition.agent_essential", #""essential": true"#, #""essential": false"#),
        changed("definition.launcher", "/agent-launcher", "/tfc-agent"),
        changed("definition.depends_on", #""SUCCESS""#, #""COMPLETE""#),
        changed("definition.stop_timeout", #""stopTimeout": 120"#, #""stopTimeout": 30"#),
        changed(
            "definition.token_secret",
            #""name": "TFC_AGENT_TOKEN""#,
            #""name": "AGENT_TOKEN""#
        ),
        changed("definition.auto_update", #""value": "disabled""#, #""value": "minor""#),
        changed("definition.link_read_only", #""readOnly": true"#, #""readOnly": false"#),
        changed("definition.ledger_table", #""value": "tfc-ledger""#, #""value": "other""#),
        changed(
            "definition.place",
            #""name": "ECS_SERVICE", "value": "tfc-agents""#,
            #""name": "ECS_SERVICE", "value": "others""#
        ),
    ]

    private static func changed(_ name: String, _ old: String, _ new: String) -> SoundCloud.Fault {
        .init(name, in: "DescribeTaskDefinition", old, new)
    }

    private static let start: [SoundCloud.Fault] = [
        .init(
            "start.image",
            in: "DescribeImages",
            #"{"imageDetails":[]}"#,
            #"{"__type":"ImageNotFoundException","message":"no such tag"}"#,
            status: 400
        ),
        .init("start.log_group", in: "DescribeLogGroups", "/ecs/tfc-agents", "/ecs/tfc-agents-2"),
        .init(
            "start.parameter",
            in: "DescribeParameters",
            #"{"Type":"SecureString"}"#,
            ""
        ),
        .init("start.parameter", in: "DescribeParameters", "SecureString", "String"),
        .init("start.vcpu_quota", in: "GetServiceQuota", "20.0", "6.0"),
    ]

    private static let ledger: [SoundCloud.Fault] = [
        .init("ledger.readable", in: "Query", #""format":{"N":"1"}"#, #""format":{"N":"2"}"#),
        .init(
            "ledger.limits",
            in: "Query",
            #""desired_count":{"N":"0"}"#,
            #""desired_count":{"N":"11"}"#
        ),
        .init(
            "ledger.exposed",
            in: "Query",
            #""adopted""#,
            #""exposed":{"M":{"825a3582":{"M":{"since":{"N":"1"}}}}},"adopted""#
        ),
        .init(
            "ledger.failed_starts",
            in: "Query",
            #""adopted""#,
            #""failed":{"M":{"count":{"N":"3"},"at":{"N":"1"},"not_before":{"N":"2"}}},"adopted""#
        ),
        .init("table.status", in: "DescribeTable", "ACTIVE", "ARCHIVED"),
        .init("table.keys", in: "DescribeTable", #""sk""#, #""sort""#),
        .init("table.protected", in: "DescribeTable", "true", "false"),
        .init("table.expiry", in: "DescribeTimeToLive", "expires", "ttl"),
    ]

    private static let conditionFailed =
        #"{"__type":"ConditionalCheckFailedException","message":"The conditional request failed"}"#
    private static let denied = #"{"__type":"AccessDeniedException","message":"no"}"#

    private static let rights: [SoundCloud.Fault] = [
        .init(
            ["permissions.credentials"],
            in: "DescribeServices",
            #""failures""#,
            #""__type":"ExpiredTokenException","failures""#,
            status: 400
        ),
        .init(
            "permissions.write_limits",
            in: "UpdateItem max_count",
            denied,
            conditionFailed,
            seat: .task
        ),
        .init(
            "permissions.write_elsewhere",
            in: "UpdateItem -of-nobody",
            denied,
            conditionFailed,
            seat: .function
        ),
        .init(
            "permissions.task_role_write_limits",
            in: "Simulate max_count",
            "implicitDeny",
            "allowed"
        ),
        .init(
            "permissions.task_role_read_agent_token",
            in: "Simulate ssm%3AGetParameter",
            "implicitDeny",
            "allowed"
        ),
        .init(
            Set(
                Permission.allCases.filter { !$0.isTooMuch }
                    .map { "permissions.task_role_\($0.code)" }
            ),
            in: "Simulate needed",
            "allowed",
            "explicitDeny"
        ),
        .init(
            "permissions.read_agent_token",
            in: "GetParameter raw",
            denied,
            #"{"Parameter":{"Value":"encrypted"}}"#,
            status: 200,
            seat: .task
        ),
        .init(
            "permissions.write_ledger",
            in: "UpdateItem",
            conditionFailed,
            denied,
            seat: .function
        ),
    ]

    private static let terraform: [SoundCloud.Fault] = [
        .init("terraform.address", in: "/.well-known/terraform.json", "tfe.v2", "modules.v1"),
        .init(
            "terraform.token",
            in: "/api/v2/organizations/org/entitlement-set",
            "{",
            "{",
            status: 401
        ),
        .init(
            "terraform.agents_entitled",
            in: "/api/v2/organizations/org/entitlement-set",
            #""agents":true"#,
            #""agents":false"#
        ),
        .init(
            "terraform.run_tasks_entitled",
            in: "/api/v2/organizations/org/entitlement-set",
            #""run-tasks":true"#,
            #""run-tasks":false"#
        ),
        .init(
            "terraform.allowance",
            in: "/api/v2/organizations/org/subscription",
            ":10",
            ":3"
        ),
        .init("terraform.pool", in: "/api/v2/agent-pools/apool-1", #""ecs""#, #""other""#),
        .init(
            "terraform.workspace",
            in: "/api/v2/organizations/org/workspaces/app",
            "apool-1",
            "apool-2"
        ),
        .init(
            "terraform.workspace",
            in: "/api/v2/organizations/org/workspaces/app",
            #""agent""#,
            #""remote""#
        ),
        .init(
            "terraform.run_task",
            in: "/api/v2/organizations/org/tasks?page%5Bsize%5D=100",
            "endpoint.example",
            "other.example"
        ),
        .init(
            "terraform.run_task",
            in: "/api/v2/organizations/org/tasks?page%5Bsize%5D=100",
            "true",
            "false"
        ),
        .init(
            "terraform.stages",
            in: "/api/v2/workspaces/ws-1/tasks?page%5Bsize%5D=100",
            #","pre_apply""#,
            ""
        ),
        .init("endpoint.signature", in: "endpoint signed", "1.0.0", "no", status: 401),
        .init("endpoint.version", in: "endpoint signed", "1.0.0", "0.9.0"),
        .init("endpoint.refuses_unsigned", in: "endpoint unsigned", "no", "hello", status: 202),
        .init("endpoint.tells_nothing", in: "endpoint question", "no", "{}", status: 202),
    ]

    private static let operation: [SoundCloud.Fault] = [
        .init("operation.alarms_armed", in: "DescribeAlarms", "true", "false"),
        .init("operation.alarms", in: "DescribeAlarms", #""OK""#, #""ALARM""#),
        .init("operation.versions", in: "GetItem", "1.0.0 mark", "0.9.0 mark"),
    ]
}
