import Decisions
import FoundationEssentials
import Testing
import Seeded

@testable import AWS

extension Ledger {
    static func random(_ random: inout SeededRandom) -> Ledger {
        func time(_ random: inout SeededRandom) -> WallTime {
            WallTime(milliseconds: .random(in: 0...2_000_000_000_000, using: &random))
        }
        func task(_ random: inout SeededRandom) -> TaskID {
            TaskID(String(random.next(), radix: 16))
        }
        var ledger = Ledger(version: .random(in: 1...1 << 53, using: &random))
        for number in 0..<Int.random(in: 0...20, using: &random) {
            let type = ["plan", "apply", "ü☂", "policy"].randomElement(using: &random) ?? ""
            guard let job = Job(id: "run-\(number)-\(random.next())", type: type) else { continue }
            let holder = Bool.random(using: &random) ? task(&random) : nil
            ledger.jobs[job] = JobEntry(at: time(&random), task: holder)
        }
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let kind = LeaveKind.allCases.randomElement(using: &random) ?? .stray
            ledger.leaving[task(&random)] = Reservation(since: time(&random), kind: kind)
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            ledger.exposed[task(&random)] = Exposure(since: time(&random))
        }
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            let kind = Departed.Kind.allCases.randomElement(using: &random) ?? .retired
            ledger.departed[task(&random)] = Departed(at: time(&random), kind: kind)
        }
        if Bool.random(using: &random) {
            ledger.failedStarts = FailedStarts(
                count: .random(in: 1...9, using: &random),
                notBefore: time(&random)
            )
        }
        if Bool.random(using: &random) { ledger.projectedAt = time(&random) }
        if Bool.random(using: &random) { ledger.servedAt = time(&random) }
        ledger.isAdopted = .random(using: &random)
        ledger.size = ledger.surplusLeaving + .random(in: 0...5000, using: &random)
        return ledger
    }
}

@Suite("The ledger as an item")
struct LedgerItemTests {
    @Test("every ledger comes back from its JSON as it was")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        for round in 0..<300 {
            let ledger = Ledger.random(&random)
            let item = LedgerItem.encode(ledger, key: "c/s", writer: "mark")
            let json = try JSONEncoder().encode(item)
            let read = try LedgerItem.decode(JSONDecoder().decode(Item.self, from: json))
            #expect(read.ledger == ledger, "seed \(seed), round \(round)")
            #expect(read.writer == "mark")
            // The size is an estimate that must be on the safe side.
            #expect(LedgerItem.size(item) <= json.count)
        }
    }

    @Test("the item has the documented form")
    func form() throws {
        let job = try #require(Job(key: "run-1/plan"))
        let ledger = Ledger(
            version: 7,
            size: 2,
            jobs: [job: .init(at: WallTime(milliseconds: 5), task: TaskID("t"))],
            leaving: [TaskID("u"): .init(since: WallTime(milliseconds: 6), kind: .stray)],
            exposed: [TaskID("v"): .init(since: WallTime(milliseconds: 8))],
            departed: [TaskID("w"): .init(at: WallTime(milliseconds: 3), kind: .strayed)],
            failedStarts: .init(count: 4, notBefore: WallTime(milliseconds: 10)),
            servedAt: WallTime(milliseconds: 11),
            projectedAt: WallTime(milliseconds: 9)
        )
        let expected: Item = [
            "pk": .string("agents/pool"), "format": .number("1"), "version": .number("7"),
            "writer": .string("mark"), "size": .number("2"),
            "jobs": .map(["run-1/plan": .map(["at": .number("5"), "task": .string("t")])]),
            "leaving": .map(["u": .map(["since": .number("6"), "kind": .string("stray")])]),
            "exposed": .map(["v": .map(["since": .number("8")])]),
            "departed": .map(["w": .map(["at": .number("3"), "kind": .string("strayed")])]),
            "failed": .map(["count": .number("4"), "not_before": .number("10")]),
            "adopted": .number("1"), "served": .number("11"),
            "projected": .number("9"),
        ]
        #expect(LedgerItem.encode(ledger, key: "agents/pool", writer: "mark") == expected)
    }

    static let good = LedgerItem.encode(Ledger(version: 3, size: 1), key: "c/s", writer: "mark")

    struct Case: CustomTestStringConvertible, Sendable {
        let attribute: String
        let value: AttributeValue?
        let named: String
        var testDescription: String { "\(named): \(value.map { "\($0)" } ?? "absent")" }

        init(_ attribute: String, _ value: AttributeValue?, _ named: String? = nil) {
            self.attribute = attribute
            self.value = value
            self.named = named ?? attribute
        }
    }

    static let cases: [Case] = [
        Case("format", nil), Case("format", .string("1")), Case("format", .number("0")),
        Case("version", nil), Case("version", .number("0")), Case("version", .number("-4")),
        Case("version", .number("1.5")), Case("version", .number("99999999999999999999")),
        Case("writer", nil), Case("writer", .string("")), Case("writer", .number("1")),
        Case("size", nil), Case("size", .number("-1")), Case("size", .number("many")),
        Case("size", .other(type: "NULL")),
        Case("jobs", nil), Case("jobs", .list([])), Case("jobs", .string("{}")),
        Case("jobs", .map(["run-1": .map(["at": .number("1")])]), "jobs.run-1"),
        Case("jobs", .map(["run-1/plan/x": .map(["at": .number("1")])]), "jobs.run-1/plan/x"),
        Case("jobs", .map(["r/plan": .string("x")]), "jobs.r/plan"),
        Case("jobs", .map(["r/plan": .map([:])]), "jobs.r/plan.at"),
        Case("jobs", .map(["r/plan": .map(["at": .number("-1")])]), "jobs.r/plan.at"),
        Case(
            "jobs",
            .map(["r/plan": .map(["at": .number("1"), "task": .string("")])]),
            "jobs.r/plan.task"
        ),
        Case(
            "jobs",
            .map(["r/plan": .map(["at": .number("1"), "task": .number("4")])]),
            "jobs.r/plan.task"
        ),
        Case("leaving", nil),
        Case("leaving", .map(["t": .map(["since": .number("1")])]), "leaving.t.kind"),
        Case(
            "leaving",
            .map(["t": .map(["since": .number("1"), "kind": .string("retired")])]),
            "leaving.t.kind"
        ),
        Case("leaving", .map(["t": .map(["kind": .string("stray")])]), "leaving.t.since"),
        Case(
            "leaving",
            .map([
                "t": .map(["since": .number("1"), "kind": .string("surplus")]),
                "u": .map(["since": .number("1"), "kind": .string("surplus")]),
            ]),
            "size"
        ),
        Case("exposed", nil), Case("exposed", .map(["t": .map([:])]), "exposed.t.since"),
        Case("departed", nil), Case("departed", .list([])),
        Case("departed", .map(["t": .map(["kind": .string("retired")])]), "departed.t.at"),
        Case("departed", .map(["t": .map(["kind": .string("gone")])]), "departed.t.kind"),
        Case("version", .number("9223372036854775807")), Case("served", .string("1")),
        Case("failed", .map(["count": .number("9223372036854775807")]), "failed.count"),
        Case("failed", .number("1")), Case("failed", .map([:]), "failed.count"),
        Case("projected", .string("9")),
    ]

    @Test("a malformed item is refused, and the attribute is named", arguments: cases)
    func malformed(each: Case) {
        var item = Self.good
        item[each.attribute] = each.value
        do {
            _ = try LedgerItem.decode(item)
            Issue.record("not refused")
        } catch {
            guard case .malformed(let attribute, _) = error else {
                Issue.record("refused as \(error)")
                return
            }
            #expect(attribute == each.named)
        }
    }

    @Test("a newer format is refused as such, whatever else it holds")
    func newerFormat() {
        #expect(throws: ItemFault.newerFormat(2)) {
            try LedgerItem.decode(["format": .number("2"), "agents": .other(type: "BOOL")])
        }
    }

    @Test("an attribute that is not known is no fault")
    func unknownAttribute() throws {
        var item = Self.good
        item["note"] = .string("looked at")
        #expect(try LedgerItem.decode(item).ledger == Ledger(version: 3, size: 1))
    }
}

@Suite("The limits item")
struct LimitsItemTests {
    static func environment() throws -> Limits {
        try #require(Limits(desiredCount: 1, maxCount: 10, spareCount: 2))
    }

    @Test(
        "what the item leaves out comes from the environment",
        arguments: [
            (nil, [1, 10, 2]),
            (["pk": .string("k")], [1, 10, 2]),
            (["max_count": .number("4")], [1, 4, 2]),
            (
                [
                    "desired_count": .number("0"), "max_count": .number("5"),
                    "spare_count": .number("0"),
                ], [0, 5, 0]
            ),
        ] as [(Item?, [Int])]
    )
    func merged(item: Item?, numbers: [Int]) throws {
        let read = try LimitsItem.decode(item, environment: try Self.environment())
        #expect(
            [read.limits.desiredCount, read.limits.maxCount, read.limits.spareCount] == numbers
        )
        #expect(read.fault == nil)
    }

    @Test(
        "where limits contradict each other the ceiling wins, and the fault names both",
        arguments: [
            (["desired_count": .number("8"), "max_count": .number("5")], 5, 5),
            (["desired_count": .number("11")], 10, 10),
            (["max_count": .number("0")], 0, 0),
        ] as [(Item, Int, Int)]
    )
    func contradiction(item: Item, desired: Int, most: Int) throws {
        let read = try LimitsItem.decode(item, environment: try Self.environment())
        #expect(read.limits.desiredCount == desired)
        #expect(read.limits.maxCount == most)
        #expect(try #require(read.fault).description.contains("max_count \(most)"))
    }

    @Test("limits of zero and zero end the service")
    func end() throws {
        let item: Item = ["desired_count": .number("0"), "max_count": .number("0")]
        let read = try LimitsItem.decode(item, environment: try Self.environment())
        #expect(read.limits.isEnding && read.fault == nil)
    }

    @Test(
        "a wrong item is an error that says what is wrong, and never the environment's limits",
        arguments: [
            (["desired_count": .number("-1")], "desired_count"),
            (["spare_count": .string("2")], "spare_count"),
            (["max_count": .other(type: "NULL")], "max_count"),
        ] as [(Item, String)]
    )
    func wrong(item: Item, named: String) throws {
        let environment = try Self.environment()
        let fault = #expect(throws: ItemFault.self) {
            try LimitsItem.decode(item, environment: environment)
        }
        #expect(try #require(fault).description.contains(named))
    }
}
