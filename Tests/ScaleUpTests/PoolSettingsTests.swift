import AWS
import Daemon
import Decisions
import FoundationEssentials
import HCPTerraform
import ScaleUp
import Seeded
import Testing

private let common = [
    "ECS_CLUSTER": "tfc", "LEDGER_TABLE": "ledger", "RUN_TASK_HMAC_KEY": "k", "MAX_COUNT": "7",
    "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
]

private func settings(
    _ pools: String,
    _ more: [String: String] = [:]
) throws(SettingsFault) -> EndpointSettings {
    try EndpointSettings(common.merging(["POOLS": pools]) { $1 }.merging(more) { $1 })
}

/// What is said of pools that cannot be used.
private func problems(_ pools: String, _ more: [String: String] = [:]) -> [String] {
    do {
        _ = try settings(pools, more)
        return []
    } catch {
        return error.problems
    }
}

@Suite("Settings of several pools")
struct PoolSettingsTests {
    @Test("what a pool does not say it takes from the settings of all")
    func defaults() throws {
        let found = try settings(
            #"[{"name":"a","ecs_service":"s-a"},"#
                + #"{"name":"b","ecs_service":"arn:aws:ecs:eu-central-1:123456789012:service/x/s-b","#
                + #""ecs_cluster":"x","ledger_table":"t","desired_count":1,"max_count":3,"#
                + #""spare_count":2,"default":true,"agent_pool_id":null}]"#
        )
        let (a, b) = (found.pools[0], found.pools[1])
        #expect(a.place == ECSPlace(cluster: "tfc", service: "s-a") && a.ledgerTable == "ledger")
        #expect(a.limits.maxCount == 7 && a.limits.desiredCount == 0)
        #expect(b.place == ECSPlace(cluster: "x", service: "s-b") && b.ledgerTable == "t")
        #expect([b.limits.desiredCount, b.limits.maxCount, b.limits.spareCount] == [1, 3, 2])
        #expect(
            found.table
                == PoolTable([PoolTable.Entry("a"), PoolTable.Entry("b", isDefault: true)])
        )
    }

    @Test("each condition of a rule is read")
    func rule() throws {
        let found = try settings(
            #"[{"name":"a","ecs_service":"s","agent_pool_name":"prod","agent_pool_id":"apool-1","#
                + #""organization":"other","when":{"organizations":["acme"],"#
                + #""workspaces":["prod-*","core"],"stages":["pre_plan"],"speculative":false,"#
                + #""projects":["prj-1"],"tags":["gold"]}}]"#,
            ["TFE_TOKEN": "x", "TFC_ORGANIZATION": "acme"]
        )
        var rule = PoolTable.Rule()
        rule.organizations = ["acme"]
        rule.workspaces = WorkspacePatterns("core,prod-*")
        rule.stages = [.prePlan]
        rule.isSpeculative = false
        rule.projects = ["prj-1"]
        rule.tags = ["gold"]
        #expect(
            found.table
                == PoolTable([PoolTable.Entry("a", rule: rule, agentPoolID: "apool-1")])
        )
        let pool = PoolSettings.AgentPool(organization: "other", name: "prod")
        #expect(found.pools[0].agentPool == pool)
        #expect(found.organization == "acme")
    }

    @Test("the same list may stand in a file")
    func file() throws {
        let path = "\(FileManager.default.temporaryDirectory.path)/pools-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let json = #"[{"name":"a","ecs_service":"s","default":true}]"#
        try Data(json.utf8).write(to: URL(filePath: path))
        let found = try EndpointSettings(common.merging(["POOLS_FILE": path]) { $1 })
        #expect(found.pools.map(\.name) == ["a"])
        #expect(
            problems("", ["POOLS_FILE": path + "-missing"])[0]
                == "POOLS_FILE names a file that cannot be read; expected: a JSON file"
        )
        #expect(problems(json, ["POOLS_FILE": path]).count == 1)
    }

    @Test("the settings of one pool beside the list are a fault, each with its name")
    func beside() {
        let json = #"[{"name":"a","ecs_service":"s","default":true}]"#
        for name in ["ECS_SERVICE", "TFC_AGENT_POOL_NAME", "TFC_AGENT_POOL_ID"] {
            #expect(
                problems(json, [name: "x"])
                    == ["\(name) is set beside POOLS; expected: it in each pool, as a field"]
            )
        }
    }

    @Test(
        "what is wrong with a pool is said in a sentence that names pool and field",
        arguments: [
            ("{}", "POOLS holds no JSON array; expected: a list of pools"),
            ("[", "POOLS holds no JSON array; expected: a list of pools"),
            ("[]", "POOLS has 0 pools; expected: from 1 to 100"),
            ("[7]", "POOLS: pool 1 is no JSON object"),
            (
                #"[{"ecs_service":"s"}]"#,
                "POOLS: pool 1: name, expected: a name of up to 64 letters, digits, - and _"
            ),
            (
                #"[{"name":"a"}]"#,
                "POOLS: pool 1 (a): ecs_service, expected: the name or the ARN of an ECS service"
            ),
            (
                #"[{"name":"a","ecs_service":"s","max_cuont":3}]"#,
                "POOLS: pool 1 (a): max_cuont: no field of a pool has this name"
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{"stage":["pre_plan"]}}]"#,
                "POOLS: pool 1 (a): when.stage: no field of a pool has this name"
            ),
            (
                #"[{"name":"a","ecs_service":"s","max_count":"3"}]"#,
                "POOLS: pool 1 (a): max_count, expected: a whole number from 1 to 10000"
            ),
            (
                #"[{"name":"a","ecs_service":"s","max_count":3,"desired_count":4}]"#,
                "POOLS: pool 1 (a): desired_count, expected: at most max_count, here 3"
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{}}]"#,
                "POOLS: pool 1 (a): when, expected: a condition; a pool that takes the rest has "
                    + #""default": true"#
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{"stages":["plan"]}}]"#,
                "POOLS: pool 1 (a): when.stages, expected: some of pre_plan, post_plan, "
                    + "pre_apply, post_apply"
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{"workspaces":["a b"]}}]"#,
                "POOLS: pool 1 (a): when.workspaces, expected: names of workspaces, with * for "
                    + "any characters"
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{"workspaces":[]}}]"#,
                "POOLS: pool 1 (a): when.workspaces, expected: a list of texts, with one of them "
                    + "at least"
            ),
            (
                #"[{"name":"a","ecs_service":"s","default":1}]"#,
                "POOLS: pool 1 (a): default, expected: true or false"
            ),
            (
                #"[{"name":"a","ecs_service":"s","default":true,"when":{"stages":["pre_plan"]}}]"#,
                "POOLS: pool 1 (a): default, expected: a default or a pool with a rule (`when`), "
                    + "not both"
            ),
            (
                #"[{"name":"a","ecs_service":"s","when":{"tags":["x"]}}]"#,
                "POOLS: pool 1 (a): when, expected: TFE_TOKEN or TFE_TOKEN_PARAMETER beside it: "
                    + "only HCP Terraform can tell a workspace's agent pool, project and tags"
            ),
            (
                #"[{"name":"a","ecs_service":"s"},{"name":"a","ecs_service":"t"}]"#,
                "POOLS: two pools have the name a; expected: each its own"
            ),
            (
                #"[{"name":"a","ecs_service":"s"},{"name":"b","ecs_service":"s"}]"#,
                "POOLS: two pools are the service tfc/s; expected: each its own"
            ),
            (
                #"[{"name":"a","ecs_service":"s","default":true},"#
                    + #"{"name":"b","ecs_service":"t","default":true}]"#,
                "POOLS: several pools are the default; expected: one at the most"
            ),
        ]
    )
    func sentences(_ json: String, _ sentence: String) { #expect(problems(json) == [sentence]) }

    @Test("every fault is told at once, and nothing that a field holds is shown")
    func together() {
        let secret = "wJalrXUtnFEMI K7MDENG bPxRfiCYEXAMPLEKEY"
        let found = problems(
            #"[{"name":"\#(secret)","ecs_service":"\#(secret)","\#(secret)":1},"#
                + #"{"name":"b","ecs_service":"\#(secret)"}]"#
        )
        #expect(found.count == 4)
        #expect(!found.joined().contains("wJalr"))
    }

    @Test("whatever the list holds, it is read or refused with sentences, and never both")
    func noise() {
        let seed = UInt64.random(in: 1...UInt64(UInt32.max))
        var random = SeededRandom(seed: seed)
        let whole = Array(
            (#"[{"name":"a","ecs_service":"s","max_count":3,"when":{"stages":["pre_plan"],"#
                + #""workspaces":["x-*"],"speculative":true}},"#
                + #"{"name":"b","ecs_service":"t","default":true,"spare_count":1}]"#).utf8
        )
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7e, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(SettingsFault) {
                let found = try settings(text)
                #expect(!found.pools.isEmpty, "\(seed): \(text)")
                #expect(found.pools.map(\.entry) == found.table.entries, "\(seed): \(text)")
                #expect(Set(found.pools.map(\.name)).count == found.pools.count, "\(text)")
            } catch {
                #expect(error.problems.allSatisfy { $0.hasPrefix("POOLS") }, "\(seed): \(text)")
                #expect(!error.problems.isEmpty, "\(seed): \(text)")
            }
        }
    }
}
