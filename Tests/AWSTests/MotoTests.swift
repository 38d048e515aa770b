import Curl
import Decisions
import Peers
import Ports
import Testing
import Seeded

@testable import AWS

@Suite("Against moto's server")
struct MotoTests {
    /// Everything that a process has one of.
    struct Stack {
        let http: CurlClient
        let aws: AWSClient

        init() async throws {
            http = try CurlClient()
            aws = try makeClient(http, port: try await Moto.port)
        }

        /// - Parameter service: one for each test, so that none sees another's ledger.
        func store(
            _ service: String,
            through http: (any HTTPClient)? = nil
        ) async throws -> DynamoDBLedgerStore {
            let port = try await Moto.port
            return DynamoDBLedgerStore(
                try http.map { try makeClient($0, port: port) } ?? aws,
                table: "ledger",
                cluster: "agents",
                service: service,
                environment: try #require(Limits(desiredCount: 0, maxCount: 100, spareCount: 0)),
                adoption: { 0 }
            )
        }
    }

    @Test("a count that is written is the count that is read")
    func counts() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let service = ECSService(ECSClient(stack.aws), cluster: "agents", service: "pool")
        #expect(try await service.setDesiredCount(3).desired == 3)
        let counts = try await service.counts()
        #expect(counts.desired == 3)
        #expect(counts.status == "ACTIVE")
        #expect(counts.taskDefinition?.contains("task-definition/agent:1") == true)
        #expect(try await service.tasks() == [])
    }

    @Test("services, clusters and parameters that do not exist are not found")
    func notFound() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let ecs = ECSClient(stack.aws)
        let failures = [
            await failing { () throws(AWSFailure) in
                _ = try await ecs.describeService(cluster: "agents", service: "nobody")
            },
            await failing { () throws(AWSFailure) in
                _ = try await ecs.updateService(
                    cluster: "agents",
                    service: "nobody",
                    desiredCount: 1
                )
            },
            await failing { () throws(AWSFailure) in
                _ = try await ecs.describeService(cluster: "nowhere", service: "pool")
            },
            await failing { () throws(AWSFailure) in
                _ = try await SSMClient(stack.aws).getParameter("/none")
            },
        ]
        let codes = failures.map { failure in
            if case .notFound(let code, _) = failure?.cause { code } else { "\(failure as Any)" }
        }
        #expect(
            codes == [
                "MISSING", "ServiceNotFoundException", "ClusterNotFoundException",
                "ParameterNotFound",
            ]
        )
        #expect(failures.allSatisfy { $0?.mayHaveTakenEffect == false })
    }

    @Test("a secret parameter is decrypted")
    func parameter() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let value = try await SSMClient(stack.aws).getParameter("/agents/hmac-key")
        #expect(value == "a secret value")
    }

    @Test("a missing table is not found, and nothing is written")
    func missingTable() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = DynamoDBLedgerStore(
            stack.aws,
            table: "none",
            cluster: "agents",
            service: "pool",
            environment: try #require(Limits(desiredCount: 0, maxCount: 1, spareCount: 0)),
            adoption: { 0 }
        )
        let failure = await failing { () throws(LedgerFailure) in _ = try await store.read() }
        guard case .unchanged(.call(let cause)) = failure, cause.contains(": not found") else {
            Issue.record("not found differently: \(String(describing: failure))")
            return
        }
    }

    @Test("a ledger with everything in it comes back from the table as it was")
    func roundTrip() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("round-trip")
        let seed = UInt64.random(in: 0 ... .max)
        for round in 0..<5 {
            var random = SeededRandom(seed: seed &+ UInt64(round))
            let ledger = Ledger.random(&random)
            let (_, snapshot) = try await store.change { stored, _ in
                var new = ledger
                // Endpoints write these, by other calls.
                (new.lastRaise, new.followed) = (stored.lastRaise, stored.followed)
                new.projectedAt = stored.projectedAt
                stored = new
            }
            #expect(snapshot.ledger.jobs == ledger.jobs)
            var expected = snapshot.ledger
            expected.departed = [:]
            #expect(try await store.read().ledger == expected, "seed \(seed), round \(round)")
            let departed = try await store.change(knowing: { _ in Set(ledger.departed.keys) }) {
                stored,
                _ in stored.departed
            }.answer
            #expect(departed == ledger.departed, "seed \(seed), round \(round)")
        }
    }

    @Test("twenty writers at once lose nothing")
    func manyWriters() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("many-writers")
        let clock = ContinuousClock()
        let start = clock.now
        let sizes = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await store.change { ledger, limits in
                        if let job = Job(id: "run-\(number)", type: "plan") {
                            ledger.jobs[job] = .init(at: .now())
                            ledger.uphold(limits, at: .now())
                        }
                        return ledger.size
                    }.answer
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        print("twenty writers: \(clock.now - start)")
        // Each answer is of the application that was written: no two saw the same size.
        #expect(sizes.sorted() == Array(1...20))
        let ledger = try await store.read().ledger
        #expect(ledger.jobs.count == 20)
        #expect(ledger.version == 20)
        #expect(ledger.size == 20)
    }

    @Test("departures and announcements at the same moment lose none of each other")
    func bothWays() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("both-ways")
        _ = try await store.change { ledger, _ in ledger.size = 12 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    _ = try await store.change { ledger, limits in
                        ledger.depart(TaskID("t\(number)"), at: .now(), limits)
                    }
                }
            }
            for number in 0..<8 {
                group.addTask {
                    let job = try #require(Job(id: "run-\(number)", type: "plan"))
                    _ = try await store.change { ledger, limits in
                        ledger.jobs[job] = .init(at: .now())
                        ledger.uphold(limits, at: .now())
                    }
                }
            }
            try await group.waitForAll()
        }
        let tasks = Set((0..<12).map { TaskID("t\($0)") })
        let (departed, snapshot) = try await store.change(knowing: { _ in tasks }) { ledger, _ in
            ledger.departed
        }
        let ledger = snapshot.ledger
        #expect(ledger.jobs.count == 8)
        #expect(Set(departed.keys) == tasks)
        // Whatever the order was: twelve, less those that left, plus those that were raised again
        // because too few stayed for the jobs.
        let retired = departed.values.count { $0.kind == .retired }
        #expect(ledger.size == max(8, 12 - retired))
    }

    @Test("a ledger of 300 jobs is written, read and changed like any other")
    func manyJobs() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("many-jobs")
        let jobs = try (0..<300).map { number in
            try #require(Job(id: "run-ABCDEFGHJKLM\(1_000 + number)", type: "plan"))
        }
        let (_, written) = try await store.change { ledger, limits in
            for (number, job) in jobs.enumerated() {
                ledger.jobs[job] = .init(at: .now())
                ledger.uphold(limits, at: .now())
                if number < 100 { ledger.report(TaskID("t\(number)"), job, at: .now(), limits) }
            }
        }
        #expect(written.ledger.size == 100)
        #expect(try await store.read().ledger == written.ledger)
        let departure = try await store.change { ledger, limits in
            ledger.depart(TaskID("t0"), at: .now(), limits)
        }.answer
        // With 299 jobs left, a fresh agent takes the place of this one.
        #expect(departure == .recycles(.needed(staying: 100, want: 100)))
        #expect(try await store.read().ledger.jobs.count == 299)
    }

    @Test("a ledger of more than a page is read to its end")
    func pages() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        // A page is 1 MB; what else an item holds is left alone.
        let note = String(repeating: "x", count: 300_000)
        for number in 0..<8 {
            try await Moto.call(
                "dynamodb",
                "DynamoDB_20120810.PutItem",
                #"{"TableName":"ledger","Item":{"pk":{"S":"agents/pages"},"#
                    + #""sk":{"S":"job/run-\#(number)/plan"},"at":{"N":"1"},"#
                    + #""note":{"S":"\#(note)"}}}"#,
                over: stack.http
            )
        }
        let real = stack.http
        let counting = FakeHTTP { request, _ throws(HTTPFailure) in try await real.send(request) }
        let store = try await stack.store("pages", through: counting)
        #expect(try await store.read().ledger.jobs.count == 8)
        #expect(counting.requests.count == 3)
    }

    @Test("a write that was made but not answered counts once", arguments: [true, false])
    func unclearWrite(isMade: Bool) async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let real = stack.http
        let losing = FakeHTTP { request, number throws(HTTPFailure) in
            guard number == 2 else { return try await real.send(request) }
            #expect(request.isWrite)
            if isMade { _ = try await real.send(request) }
            throw .lostAnswer
        }
        let store = try await stack.store("unclear-\(isMade)", through: losing)
        let (_, snapshot) = try await store.change { ledger, _ in ledger.size += 1 }
        #expect(snapshot.ledger == Ledger(version: 1, size: 1, moves: 1, lastRaise: 1))
        #expect(try await store.read().ledger == snapshot.ledger)
        #expect(losing.requests.filter(\.isWrite).count == (isMade ? 1 : 2))
    }

    @Test("the size of the ledger becomes the service's count, up and down")
    func projection() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("projected")
        let service = ECSService(ECSClient(stack.aws), cluster: "agents", service: "projected")
        let projector = Projector(store, service)
        for size in [4, 1] {
            let (_, snapshot) = try await store.change { ledger, _ in ledger.size = size }
            guard case .agreed(size) = try await projector.project(snapshot).outcome else {
                Issue.record("not agreed at \(size)")
                continue
            }
            #expect(try await service.counts().desired == size)
        }
    }

    @Test("an exposed agent keeps the service's count up until it is covered")
    func exposed() async throws {
        let stack = try await Stack()
        defer { stack.http.stop() }
        let store = try await stack.store("exposed")
        let service = ECSService(ECSClient(stack.aws), cluster: "agents", service: "exposed")
        let projector = Projector(store, service)
        _ = try await service.setDesiredCount(2)
        _ = try await store.change { ledger, limits in
            ledger.size = 0
            ledger.expose(TaskID("t"), at: .now(), limits)
        }
        let outcome = try await projector.project().outcome
        guard case .held(.exposed(TaskID("t")), _) = outcome else {
            Issue.record("not held")
            return
        }
        #expect(try await service.counts().desired == 2)
        _ = try await store.change { ledger, limits in ledger.cover(TaskID("t"), at: .now(), limits)
        }
        _ = try await projector.project()
        #expect(try await service.counts().desired == 0)
    }
}
