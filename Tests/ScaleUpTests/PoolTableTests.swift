import HCPTerraform
import ScaleUp
import Testing

private func rule(_ change: (inout PoolTable.Rule) -> Void) -> PoolTable.Rule {
    var rule = PoolTable.Rule()
    change(&rule)
    return rule
}

/// The name of the pool that a call is for, or why it is for none.
private func chosen(_ entries: [PoolTable.Entry], _ call: PoolCall) -> String {
    switch PoolTable(entries).choice(for: call) {
    case .pool(let place): entries[place].name
    case .none(let reason): "\(reason)"
    }
}

private func holders(_ entries: [PoolTable.Entry], _ call: PoolCall) -> [String] {
    PoolTable(entries).holders(of: call).map { entries[$0].name }
}

private let nobody = "No pool here takes this call"
private let elsewhere = "This workspace runs in another agent pool"

@Suite("Pools behind one endpoint")
struct PoolTableTests {
    @Test(
        "the path names the pool, whatever stands before it",
        arguments: [
            ("/pools/prod", "prod"), ("/pools/prod/", "prod"), ("/agents/pools/prod", "prod"),
            ("/", nil), ("", nil), ("/run-task", nil), ("/pools", nil), ("/pools/", nil),
            ("/pools/prod/x", nil), ("pools/prod", nil), ("//", nil),
        ] as [(String, String?)]
    )
    func path(_ path: String, _ pool: String?) {
        let request = EndpointRequest(method: "POST", path: path, headers: [], body: [])
        #expect(request.pool == pool)
    }

    @Test("a pool that the path names is chosen before any rule, and by no rule of its own")
    func byPath() {
        let entries = [
            PoolTable.Entry("all", isDefault: true),
            PoolTable.Entry("plans", rule: rule { $0.stages = [.prePlan] }),
            PoolTable.Entry("quiet"),
        ]
        for name in ["all", "plans", "quiet"] {
            #expect(chosen(entries, PoolCall(pool: name, stage: .preApply)) == name)
        }
        #expect(
            chosen(entries, PoolCall(pool: "none"))
                == "The run task's address names no pool that is here"
        )
    }

    @Test("the short form of one pool takes every call, whatever its path")
    func shortForm() {
        let table = PoolTable(only: "agents")
        #expect(table.choice(for: PoolCall()) == .pool(0))
        #expect(table.choice(for: PoolCall(pool: "x")) == .pool(0))
        #expect(table.holders(of: PoolCall(pool: "x")) == [0])
    }

    @Test("by organization, and by none where the call names none")
    func byOrganization() {
        let entries = [PoolTable.Entry("a", rule: rule { $0.organizations = ["acme", "b"] })]
        #expect(chosen(entries, PoolCall(organization: "acme")) == "a")
        #expect(chosen(entries, PoolCall(organization: "other")) == nobody)
        #expect(chosen(entries, PoolCall()) == nobody)
    }

    @Test("by the pattern of a workspace's name, and by none where the call names none")
    func byWorkspace() {
        let entries = [
            PoolTable.Entry("a", rule: rule { $0.workspaces = WorkspacePatterns("prod-*,core") })
        ]
        #expect(chosen(entries, PoolCall(workspaceName: "prod-1")) == "a")
        #expect(chosen(entries, PoolCall(workspaceName: "core")) == "a")
        #expect(chosen(entries, PoolCall(workspaceName: "dev-1")) == nobody)
        #expect(chosen(entries, PoolCall()) == nobody)
    }

    @Test("by stage: plans to one service and applies to another one of the same agent pool")
    func byStage() {
        let entries = [
            PoolTable.Entry("spot", rule: rule { $0.stages = [.prePlan, .postPlan] }),
            PoolTable.Entry("steady", rule: rule { $0.stages = [.preApply] }),
        ]
        #expect(chosen(entries, PoolCall(stage: .prePlan)) == "spot")
        #expect(chosen(entries, PoolCall(stage: .postPlan)) == "spot")
        #expect(chosen(entries, PoolCall(stage: .preApply)) == "steady")
        #expect(chosen(entries, PoolCall()) == nobody)
        #expect(holders(entries, PoolCall(stage: .preApply)) == ["spot", "steady"])
    }

    @Test("by whether the run is speculative, and by neither where the call does not say")
    func bySpeculation() {
        let entries = [
            PoolTable.Entry("checks", rule: rule { $0.isSpeculative = true }),
            PoolTable.Entry("changes", rule: rule { $0.isSpeculative = false }),
        ]
        #expect(chosen(entries, PoolCall(isSpeculative: true)) == "checks")
        #expect(chosen(entries, PoolCall(isSpeculative: false)) == "changes")
        #expect(chosen(entries, PoolCall()) == nobody)
        #expect(holders(entries, PoolCall(isSpeculative: true)) == ["checks", "changes"])
    }

    @Test("by project and by tag, as HCP Terraform says of the workspace; unknown they do not hold")
    func byProjectAndTag() {
        let entries = [
            PoolTable.Entry("project", rule: rule { $0.projects = ["prj-1", "prj-2"] }),
            PoolTable.Entry("tag", rule: rule { $0.tags = ["gold", "silver"] }),
        ]
        let inProject = Workspace(nil, project: "prj-2", tags: ["gold"])
        #expect(chosen(entries, PoolCall(workspace: inProject)) == "project")
        let tagged = Workspace(nil, project: "prj-3", tags: ["silver", "x"])
        #expect(chosen(entries, PoolCall(workspace: tagged)) == "tag")
        let neither = Workspace(nil, project: "prj-3", tags: ["x"])
        #expect(chosen(entries, PoolCall(workspace: neither)) == nobody)
        #expect(chosen(entries, PoolCall(workspace: Workspace(nil))) == nobody)
        #expect(chosen(entries, PoolCall()) == nobody)
        #expect(holders(entries, PoolCall()) == ["project", "tag"])
        #expect(holders(entries, PoolCall(workspace: neither)).isEmpty)
    }

    @Test("by the workspace's agent pool alone, where a pool has no other rule")
    func byAgentPool() {
        let entries = [
            PoolTable.Entry("one", agentPoolID: "apool-1"),
            PoolTable.Entry("two", agentPoolID: "apool-2"),
        ]
        func runs(in pool: String) -> PoolCall {
            PoolCall(workspace: Workspace(.pool(id: pool)))
        }
        #expect(chosen(entries, runs(in: "apool-2")) == "two")
        #expect(chosen(entries, runs(in: "apool-3")) == elsewhere)
        #expect(chosen(entries, PoolCall()) == nobody)
        #expect(holders(entries, runs(in: "apool-2")) == ["two"])
        #expect(holders(entries, PoolCall()) == ["one", "two"])
    }

    @Test("neither path, rule nor default brings a workspace to another agent pool than its own")
    func neverElsewhere() {
        let entries = [
            PoolTable.Entry(
                "ruled",
                rule: rule { $0.workspaces = WorkspacePatterns("*") },
                agentPoolID: "apool-1"
            ),
            PoolTable.Entry("default", agentPoolID: "apool-1", isDefault: true),
        ]
        let call = PoolCall(workspaceName: "w", workspace: Workspace(.pool(id: "apool-2")))
        #expect(chosen(entries, call) == elsewhere)
        var named = call
        named.pool = "ruled"
        #expect(chosen(entries, named) == elsewhere)
        #expect(chosen(entries, PoolCall(workspaceName: "w")) == "ruled")
    }

    @Test("a workspace that runs without agents is for no pool")
    func withoutAgents() {
        let remote = PoolCall(workspace: Workspace(.withoutAgents(mode: "remote")))
        #expect(
            chosen([PoolTable.Entry("all", isDefault: true)], remote)
                == "This workspace runs without agents, in mode remote"
        )
    }

    @Test("every condition of a rule must hold, and the first rule that does is taken")
    func order() {
        let entries = [
            PoolTable.Entry("default", isDefault: true),
            PoolTable.Entry(
                "both",
                rule: rule {
                    $0.workspaces = WorkspacePatterns("prod-*")
                    $0.stages = [.preApply]
                }
            ),
            PoolTable.Entry("prod", rule: rule { $0.workspaces = WorkspacePatterns("prod-*") }),
            PoolTable.Entry("never", rule: rule { $0.workspaces = WorkspacePatterns("prod-1") }),
        ]
        #expect(chosen(entries, PoolCall(workspaceName: "prod-1", stage: .preApply)) == "both")
        #expect(chosen(entries, PoolCall(workspaceName: "prod-1", stage: .prePlan)) == "prod")
        #expect(chosen(entries, PoolCall(workspaceName: "dev", stage: .prePlan)) == "default")
        #expect(
            holders(entries, PoolCall(workspaceName: "prod-2"))
                == ["default", "both", "prod"]
        )
    }

    @Test("a pool without a rule is for its path alone, and may hold what came by it")
    func pathOnly() {
        let entries = [PoolTable.Entry("quiet")]
        #expect(chosen(entries, PoolCall(workspaceName: "w", stage: .prePlan)) == nobody)
        #expect(holders(entries, PoolCall(workspaceName: "w")) == ["quiet"])
        #expect(holders(entries, PoolCall(pool: "quiet")) == ["quiet"])
        #expect(holders(entries, PoolCall(pool: "other")).isEmpty)
    }

    @Test("a job that the sweep found is for the pool that is certain, else for one that could be")
    func found() {
        let table = PoolTable([
            PoolTable.Entry("apps", rule: rule { $0.workspaces = WorkspacePatterns("app-*") }),
            PoolTable.Entry("plans", rule: rule { $0.stages = [.prePlan] }),
            PoolTable.Entry("default", isDefault: true),
        ])
        let plan = PoolCall(stage: .prePlan)
        let apply = PoolCall(stage: .preApply)
        #expect(table.choice(of: [0, 1], for: plan) == 1)
        #expect(table.choice(of: [0, 1], for: apply) == 0)
        #expect(table.choice(of: [0, 1, 2], for: apply) == 2)
        #expect(table.choice(of: [1], for: apply) == nil)
        let named = PoolCall(workspaceName: "app-1", stage: .preApply)
        #expect(table.choice(of: [0, 1, 2], for: named) == 0)
    }
}
