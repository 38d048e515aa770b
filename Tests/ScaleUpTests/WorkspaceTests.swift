import Curl
import Decisions
import HCPTerraform
import Testing

@testable import ScaleUp

private func remembering(
    _ clock: FakeClock = FakeClock(),
    _ lookUp: @escaping WorkspaceMemory.LookUp
) -> WorkspaceMemory {
    WorkspaceMemory(organization: "acme", lookUp: lookUp, now: { clock.now })
}

/// Why the pool of `apool-1` starts no agent for a workspace that runs there.
private func objection(_ workspace: Workspace?) -> Verdict.NoNeed? {
    let table = PoolTable(only: "agents", agentPoolID: "apool-1")
    switch table.choice(for: PoolCall(workspaceName: "w", workspace: workspace)) {
    case .pool: return nil
    case .none(let reason): return reason
    }
}

private func api(_ fake: FakeAPI) -> WorkspacesAPI {
    WorkspacesAPI(TerraformAPI(fake, address: "https://tfe.example", token: "the token"))
}

private func workspace(_ mode: String, _ pool: String?) -> HTTPResponse {
    let reference = pool.map { #"{"id":"\#($0)","type":"agent-pools"}"# } ?? "null"
    return HTTPResponse(
        200,
        #"{"data":{"id":"ws-1","attributes":{"name":"network","execution-mode":"\#(mode)"},"#
            + #""relationships":{"agent-pool":{"data":\#(reference)}}}}"#
    )
}

private let inherited =
    #""data":{"relationships":{"default-agent-pool":{"data":{"id":"apool-7"}}}}"#

@Suite("Workspaces of an organization-wide run task")
struct WorkspaceTests {
    @Test(
        "a workspace of another pool or without agents passes with a sentence, unannounced",
        arguments: [
            ("agent", "apool-2", "This workspace runs in another agent pool"),
            ("remote", nil, "This workspace runs without agents, in mode remote"),
            ("local", nil, "This workspace runs without agents, in mode local"),
        ] as [(String, String?, String)]
    )
    func others(_ mode: String, _ pool: String?, _ sentence: String) async throws {
        let workspaces = api(FakeAPI { _ in workspace(mode, pool) })
        let world = try World(
            change: {
                $0.ask {
                    try await workspaces.workspace(
                        organization: $0,
                        name: $1,
                        deadline: .seconds(1)
                    )
                }
            }
        )
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger() == Ledger())
        #expect(world.service.written.isEmpty)
        #expect(world.lastCallback.contains(sentence))
        #expect(world.lastCallback.contains("passed"))
    }

    @Test("a workspace of our pool is announced")
    func ours() async throws {
        let fake = FakeAPI { _ in workspace("agent", "apool-1") }
        let found = try await api(fake)
            .workspace(organization: "acme", name: "a b/c", deadline: .seconds(1))
        #expect(found == Workspace(.pool(id: "apool-1"), name: "network"))
        #expect(
            fake.urls == ["https://tfe.example/api/v2/organizations/acme/workspaces/a%20b%2Fc"]
        )
        let world = try World(change: { $0.ask { _, _ in found } })
        #expect(await world.call("pre_plan").status == 200)
        #expect(try await world.ledger().jobs.count == 1)
    }

    @Test(
        "a lookup that fails counts as ours: an agent too many is better than a run without one",
        arguments: [401, 404, 429, 500, 200]
    )
    func failedLookup(_ status: Int) async throws {
        let workspaces = api(FakeAPI { _ in HTTPResponse(status, #"{"data":{"attributes":{}}}"#) })
        let memory = remembering {
            try await workspaces.workspace(organization: $0, name: $1, deadline: .seconds(1))
        }
        let found = await memory.workspace(organization: "acme", name: "w")
        #expect(found == nil && objection(found) == nil)
    }

    @Test("names that lead to another path are not looked up", arguments: [".", "..", ""])
    func dots(_ name: String) async throws {
        let fake = FakeAPI { _ in workspace("remote", nil) }
        await #expect(throws: TerraformFailure.notFound) {
            try await api(fake)
                .workspace(organization: "acme", name: name, deadline: .seconds(1))
        }
        #expect(fake.urls.isEmpty)
    }

    @Test("a place is remembered for five minutes, a failure for half a minute")
    func memory() async throws {
        struct Failure: Error {}
        let calls = FakeAPI { _ in HTTPResponse(status: 200) }
        let clock = FakeClock()
        let memory = remembering(clock) { organization, workspace in
            _ = try await calls.send(HTTPRequest(.get, "\(organization)/\(workspace)"))
            if workspace == "failing" { throw Failure() }
            return Workspace(.pool(id: "apool-2"))
        }
        func ask(_ name: String) async -> Verdict.NoNeed? {
            objection(await memory.workspace(organization: "", name: name))
        }
        #expect(await ask("a") == .otherPool)
        #expect(await ask("a") == .otherPool)
        #expect(await ask("failing") == nil)
        clock.advance(.seconds(29))
        #expect(await ask("failing") == nil)
        #expect(calls.urls == ["acme/a", "acme/failing"])
        clock.advance(.seconds(2))
        #expect(await ask("failing") == nil)
        clock.advance(.seconds(270))
        #expect(await ask("a") == .otherPool)
        #expect(calls.urls == ["acme/a", "acme/failing", "acme/failing", "acme/a"])
    }

    @Test(
        "a workspace that names no pool of its own runs in its project's, if that can be seen",
        arguments: [
            (200, inherited, "apool-7"),
            (200, #""data":{"relationships":{"default-agent-pool":{"data":null}}}"#, nil),
            (200, #""data":{}"#, nil), (404, "", nil), (500, "", nil),
        ] as [(Int, String, String?)]
    )
    func projectsPool(_ status: Int, _ project: String, _ pool: String?) async throws {
        let workspace =
            #"{"data":{"attributes":{"name":"w","execution-mode":"agent","tag-names":["a"]},"#
            + #""relationships":{"agent-pool":{"data":null},"project":{"data":{"id":"prj-1"}}}}}"#
        let fake = FakeAPI { url in
            url.hasSuffix("/projects/prj-1")
                ? HTTPResponse(status, "{\(project)}") : HTTPResponse(200, workspace)
        }
        let found = try await api(fake).workspace(id: "ws-1", deadline: .seconds(1))
        let place = pool.map { WorkspacePlace.pool(id: $0) }
        #expect(found == Workspace(place, name: "w", project: "prj-1", tags: ["a"]))
        #expect(
            fake.urls
                == ["workspaces/ws-1", "projects/prj-1"].map { "https://tfe.example/api/v2/\($0)" }
        )
    }

    @Test("the memory is bounded, and the oldest entry goes first")
    func bounded() async throws {
        let clock = FakeClock()
        let memory = remembering(clock) { _, _ in Workspace(.pool(id: "apool-1")) }
        for number in 0..<2_100 {
            clock.advance(.milliseconds(1))
            _ = await memory.workspace(organization: "o", name: "w\(number)")
        }
        #expect(await memory.known.count == 2_000)
    }

    @Test("concurrent calls for one workspace share one lookup")
    func shared() async throws {
        let calls = FakeAPI { _ in HTTPResponse(status: 200) }
        let gate = FakeService()
        gate.close()
        let memory = remembering { _, _ in
            _ = try await calls.send(HTTPRequest(.get, "x"))
            _ = try await gate.setDesiredCount(0)
            return Workspace(.pool(id: "apool-2"))
        }
        await withTaskGroup(of: Verdict.NoNeed?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    objection(await memory.workspace(organization: "o", name: "w"))
                }
            }
            await gate.arrival()
            gate.open()
            for await answer in group { #expect(answer == .otherPool) }
        }
        #expect(calls.urls.count == 1)
    }

    @Test(
        "patterns match whole names, a star matches anything",
        arguments: [
            ("a", "a", true), ("a", "ab", false), ("*", "anything", true), ("a*", "abc", true),
            ("*c", "abc", true), ("a*c", "abc", true), ("a*c", "ac", true), ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("**", "x", true),
            ("a,b", "b", true), ("a, b ", "b", true), ("A", "a", false), ("*ab*", "aab", true),
        ]
    )
    func patterns(_ list: String, _ name: String, _ matches: Bool) throws {
        #expect(try #require(WorkspacePatterns(list)).match(name) == matches)
    }

    @Test(
        "a list with an empty pattern or an impossible character is refused",
        arguments: ["", ",", "a,,b", "a b", "a.b", "ä", "a,"]
    )
    func badPatterns(_ list: String) { #expect(WorkspacePatterns(list) == nil) }

    @Test("a pattern full of stars takes no time on a long name")
    func noBlowUp() throws {
        let pattern = String(repeating: "a*", count: 50) + "b"
        let patterns = try #require(WorkspacePatterns(pattern))
        #expect(!patterns.match(String(repeating: "a", count: 5_000)))
    }
}
