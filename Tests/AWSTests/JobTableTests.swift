import AWS
import Curl
import Decisions
import Peers
import Testing

@Suite("Jobs in a table, against moto's server")
struct JobTableTests {
    private func table(_ name: String, over http: CurlClient) async throws -> JobTable {
        try await Moto.call(
            "dynamodb",
            "DynamoDB_20120810.CreateTable",
            #"{"TableName":"\#(name)","BillingMode":"PAY_PER_REQUEST","#
                + #""KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},"#
                + #"{"AttributeName":"sk","KeyType":"RANGE"}],"#
                + #""AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},"#
                + #"{"AttributeName":"sk","AttributeType":"S"}]}"#,
            over: http
        )
        return JobTable(try makeClient(http, port: try await Moto.port), name: name)
    }

    @Test("jobs are taken in the order of their numbers, and each by one agent, once")
    func order() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let jobs = try await table("jobs-in-order", over: http)
        let keys = ["run-b/plan", "run-a/plan"]
        for (number, key) in keys.enumerated() {
            try await jobs.offer(
                try #require(Job(key: key)),
                number: number,
                milliseconds: 2_000 + number
            )
        }
        let taken = [try await jobs.take(by: "one"), try await jobs.take(by: "two")]
        #expect(taken.map { $0?.job.key } == keys)
        #expect(taken.map { $0?.milliseconds } == [2_000, 2_001])
        #expect(try await jobs.take(by: "three") == nil)
        let entries = try await jobs.entries()
        #expect(entries.map(\.state) == [.taken, .taken])
        #expect(entries.map(\.agent) == ["one", "two"])
    }

    @Test("a job is finished by the agent that has it, and by nobody else")
    func finish() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let jobs = try await table("jobs-to-finish", over: http)
        let job = try #require(Job(key: "run-1/plan"))
        try await jobs.offer(job, number: 1, milliseconds: 1)
        _ = try await jobs.take(by: "one")
        #expect(try await !jobs.finish(job, by: "two"))
        #expect(try await jobs.entries().map(\.state) == [.taken])
        // An answer may be lost: saying it again is the same.
        for _ in 0..<2 { #expect(try await jobs.finish(job, by: "one")) }
        #expect(try await jobs.entries().map(\.state) == [.finished])
    }

    @Test("two agents that ask at once never take the same job")
    func race() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let jobs = try await table("jobs-at-once", over: http)
        for number in 1...4 {
            let job = try #require(Job(id: "run-\(number)", type: "plan"))
            try await jobs.offer(job, number: number, milliseconds: 1)
        }
        let taken = try await withThrowingTaskGroup(of: JobTable.Entry?.self) { group in
            for agent in 1...6 {
                group.addTask { try await jobs.take(by: "agent-\(agent)") }
            }
            var taken: [JobTable.Entry] = []
            for try await entry in group { if let entry { taken.append(entry) } }
            return taken
        }
        #expect(Set(taken.map(\.job)).count == taken.count)
        #expect(taken.count == 4)
    }

    @Test("clusters, tables and log groups that are not there belong to nobody")
    func nothing() async throws {
        let http = try CurlClient()
        defer { http.stop() }
        let aws = try makeClient(http, port: try await Moto.port)
        let belongings = Belongings(aws)
        #expect(try await belongings.tags(ofCluster: "nobody") == nil)
        #expect(try await belongings.tags(ofTable: "nobody") == nil)
        #expect(try await belongings.tags(ofLogGroup: "/ecs/nobody") == nil)
        #expect(try await belongings.resources(tagged: "rehearsal-prove", "x").isEmpty)
        // There, and without a tag.
        #expect(try await belongings.tags(ofCluster: "agents") == [:])
        #expect(try await belongings.tags(ofTable: "ledger") == [:])
    }
}
