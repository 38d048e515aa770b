import AWS
import Daemon
import HCPTerraform
import ScaleUp
import Testing

private let complete = [
    "ECS_CLUSTER": "c", "ECS_SERVICE": "s", "LEDGER_TABLE": "t", "RUN_TASK_HMAC_KEY": "k",
    "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
]

@Suite("Endpoint settings")
struct EndpointSettingsTests {
    @Test("the required settings are enough; every workspace is announced, no API is asked")
    func minimum() throws {
        let settings = try EndpointSettings(complete)
        #expect(settings.token == nil && settings.table == PoolTable(only: "s"))
        #expect(settings.announceWorkspaces == .all)
        #expect(settings.notificationToken == nil)
        #expect(!settings.announceRunCreated)
        #expect(settings.address == "https://app.terraform.io")
    }

    @Test("TFE_TOKEN brings organization and pool, and the pool's id where it is set")
    func token() throws {
        let more = [
            "TFE_TOKEN": "x", "TFC_ORGANIZATION": "acme", "TFC_AGENT_POOL_NAME": "pool",
            "ANNOUNCE_WORKSPACES": "a-*,b",
        ]
        var settings = try EndpointSettings(complete.merging(more) { $1 })
        let pool = PoolSettings.AgentPool(organization: "acme", name: "pool")
        #expect(settings.pools.map(\.agentPool) == [pool])
        #expect(settings.table.entries[0].agentPoolID == nil)
        #expect(settings.announceWorkspaces.match("a-1"))
        let id = more.merging(["TFC_AGENT_POOL_ID": "apool-1"]) { $1 }
        settings = try EndpointSettings(complete.merging(id) { $1 })
        #expect(settings.table.entries[0].agentPoolID == "apool-1")
    }

    @Test("each secret may stand in a parameter, and the setting itself wins")
    func parameters() throws {
        let names = [
            "RUN_TASK_HMAC_KEY": "", "RUN_TASK_HMAC_KEY_PARAMETER": "/p/key",
            "TFE_TOKEN_PARAMETER": "/p/token", "TFC_ORGANIZATION": "acme",
            "TFC_AGENT_POOL_NAME": "pool", "NOTIFICATION_TOKEN_PARAMETER": "/p/notification",
            "ANNOUNCE_RUN_CREATED": "true",
        ]
        let environment = complete.merging(names) { $1 }
        var settings = try EndpointSettings(environment)
        #expect(settings.key == .parameter("/p/key"))
        #expect(settings.token == .parameter("/p/token"))
        #expect(settings.notificationToken == .parameter("/p/notification"))
        #expect(settings.announceRunCreated)
        settings = try EndpointSettings(environment.merging(["TFE_TOKEN": "x"]) { $1 })
        #expect(settings.token == .given("x"))
    }

    @Test("a token in a parameter needs organization and pool as one in a setting does")
    func parameterAlone() {
        let fault = #expect(throws: SettingsFault.self) {
            try EndpointSettings(complete.merging(["TFE_TOKEN_PARAMETER": "/p"]) { $1 })
        }
        #expect(
            fault?.entries.map(\.name).sorted()
                == ["TFC_ORGANIZATION", "TFC_AGENT_POOL_NAME"].sorted()
        )
    }

    @Test("cluster and service may be ARNs: one service has one ledger, however it was named")
    func arns() throws {
        let place = [
            "ECS_CLUSTER": "arn:aws:ecs:eu-central-1:123456789012:cluster/tfc",
            "ECS_SERVICE": "arn:aws:ecs:eu-central-1:123456789012:service/tfc/agents",
        ]
        let settings = try EndpointSettings(complete.merging(place) { $1 })
        #expect(settings.pools.map(\.place) == [ECSPlace(cluster: "tfc", service: "agents")])
    }

    @Test("every fault is reported at once, and no secret is quoted")
    func faults() throws {
        let wrong = [
            "TFE_TOKEN": "secret token", "ANNOUNCE_WORKSPACES": "a b", "ANNOUNCE_STAGES": "x",
            "LEDGER_TABLE": "", "ANNOUNCE_RUN_CREATED": "yes",
            "NOTIFICATION_TOKEN": "secret token",
        ]
        let fault = #expect(throws: SettingsFault.self) {
            try EndpointSettings(complete.merging(wrong) { $1 })
        }
        let names = fault?.entries.map(\.name) ?? []
        #expect(
            names.sorted() == [
                "ANNOUNCE_RUN_CREATED", "ANNOUNCE_STAGES", "ANNOUNCE_WORKSPACES", "LEDGER_TABLE",
                "NOTIFICATION_TOKEN", "TFC_AGENT_POOL_NAME", "TFC_ORGANIZATION", "TFE_TOKEN",
            ]
        )
        #expect(fault?.description.contains("secret token") == false)
    }
}
