import Decisions
import Ports
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
            let isFirst = Bool.random(using: &random)
            ledger.jobs[job] = JobEntry(at: time(&random), task: holder, isFirst: isFirst)
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
                at: time(&random),
                notBefore: time(&random)
            )
        }
        if Bool.random(using: &random) { ledger.projectedAt = time(&random) }
        ledger.moves = .random(in: 0...9, using: &random)
        ledger.lastRaise = .random(in: 0...9, using: &random)
        ledger.followed = .random(in: 0...9, using: &random)
        if Bool.random(using: &random) { ledger.recycledAt = time(&random) }
        ledger.isAdopted = .random(using: &random)
        ledger.size = ledger.surplusLeaving + .random(in: 0...5000, using: &random)
        return ledger
    }
}

@Suite("The ledger as items")
struct LedgerItemTests {
    private func overTheWire(_ item: Item) throws -> Item {
        try JSONDecoder().decode(Item.self, from: JSONEncoder().encode(item))
    }

    @Test("every ledger comes back from its items' JSON as it was")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        for round in 0..<300 {
            let ledger = Ledger.random(&random)
            let item = try overTheWire(LedgerItem.item(ledger, writer: "mark"))
            var (read, writer) = try LedgerItem.decode(item)
            for (job, entry) in ledger.jobs {
                let item = try overTheWire(JobItem.encode(entry))
                let (key, found) = try JobItem.decode(item, key: LedgerKey.job(job))
                read.jobs[key] = found
            }
            for (task, departed) in ledger.departed {
                let key = LedgerKey.task(task)
                let item = try overTheWire(DepartedItem.encode(departed))
                read.departed[try #require(LedgerKey.task(at: key))] = try DepartedItem.decode(
                    item,
                    key: key
                )
            }
            #expect(read == ledger, "seed \(seed), round \(round)")
            #expect(writer == "mark")
        }
    }

    @Test("the item of what is counted has the documented form")
    func form() throws {
        let ledger = Ledger(
            version: 7,
            size: 2,
            leaving: [TaskID("u"): .init(since: WallTime(milliseconds: 6), kind: .stray)],
            exposed: [TaskID("v"): .init(since: WallTime(milliseconds: 8))],
            failedStarts: .init(
                count: 4,
                at: WallTime(milliseconds: 9),
                notBefore: WallTime(milliseconds: 10)
            ),
            recycledAt: WallTime(milliseconds: 11),
            moves: 6,
            lastRaise: 4,
            followed: 5,
            projectedAt: WallTime(milliseconds: 12)
        )
        let expected: Item = [
            "format": .number("1"), "version": .number("7"), "writer": .string("mark"),
            "size": .number("2"),
            "leaving": .map(["u": .map(["since": .number("6"), "kind": .string("stray")])]),
            "exposed": .map(["v": .map(["since": .number("8")])]),
            "failed": .map(["count": .number("4"), "at": .number("9"), "not_before": .number("10")]
            ),
            "adopted": .number("1"), "recycled": .number("11"), "moves": .number("6"),
            "last_raise": .number("4"),
            "followed": .number("5"), "projected": .number("12"),
        ]
        #expect(LedgerItem.item(ledger, writer: "mark") == expected)
    }

    @Test("a change of what is counted leaves what is followed and bookings alone")
    func othersAttributes() {
        var random = SeededRandom(seed: 1)
        let names = Set(LedgerItem.counted(Ledger.random(&random), writer: "mark").map(\.name))
        #expect(names.isDisjoint(with: ["followed", "projected", "pk", "sk"]))
    }

    @Test("the items of jobs and departed tasks have the documented form")
    func otherForms() throws {
        let job = try #require(Job(key: "run-1/plan"))
        #expect(LedgerKey.job(job) == "job/run-1/plan")
        #expect(LedgerKey.task(TaskID("t")) == "task/t")
        let at = WallTime(milliseconds: 5_000)
        #expect(JobItem.encode(.init(at: at)) == ["at": .number("5000")])
        #expect(
            JobItem.encode(.init(at: at, task: TaskID("t"), isFirst: true))
                == ["at": .number("5000"), "task": .string("t"), "first": .number("1")]
        )
        #expect(
            DepartedItem.encode(.init(at: at, kind: .strayed)) == [
                "at": .number("5000"), "kind": .string("strayed"), "expires": .number("3605"),
            ]
        )
    }

    @Test("jobs, ledger and limits sort before the tasks that have departed")
    func order() throws {
        let job = try #require(Job(id: "\u{10FFFF}", type: "zzz"))
        let read = [
            LedgerKey.job(job), LedgerKey.ledger, LedgerKey.limits, LedgerKey.scheduled,
            LedgerKey.ending,
        ]
        func precedes(_ key: String) -> Bool {
            key.utf8.lexicographicallyPrecedes(LedgerKey.end.utf8)
        }
        #expect(read.allSatisfy(precedes))
        #expect(!precedes(LedgerKey.task(TaskID(""))))
    }

    // MARK: Refusals

    static let good = LedgerItem.item(Ledger(version: 3, size: 1), writer: "mark")

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
        Case("version", .number("9223372036854775807")),
        Case("writer", .string("")), Case("writer", .number("1")),
        Case("size", nil), Case("size", .number("-1")), Case("size", .number("many")),
        Case("size", .other(type: "NULL")),
        Case("leaving", .list([])), Case("leaving", .map(["t": .string("x")]), "leaving.t"),
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
        Case("exposed", .string("{}")), Case("exposed", .map(["t": .map([:])]), "exposed.t.since"),
        Case("failed", .map(["count": .number("9223372036854775807")]), "failed.count"),
        Case("failed", .number("1")), Case("failed", .map([:]), "failed.count"),
        Case("failed", .map(["count": .number("1")]), "failed.at"),
        Case(
            "failed",
            .map(["count": .number("1"), "at": .number("1")]),
            "failed.not_before"
        ),
        Case("adopted", .string("1")), Case("recycled", .string("1")), Case("moves", .number("-1")),
        Case("last_raise", .string("1")),
        Case("followed", .string("1")), Case("projected", .string("9")),
    ]

    private func expectMalformed(_ named: String, _ decode: () throws(ItemFault) -> Void) {
        do throws(ItemFault) {
            try decode()
            Issue.record("not refused")
        } catch {
            guard case .malformed(let attribute, _) = error else {
                Issue.record("refused as \(error)")
                return
            }
            #expect(attribute == named)
        }
    }

    @Test("a malformed item is refused, and the attribute is named", arguments: cases)
    func malformed(each: Case) {
        var item = Self.good
        item[each.attribute] = each.value
        expectMalformed(each.named) { () throws(ItemFault) in _ = try LedgerItem.decode(item) }
    }

    @Test(
        "a malformed item of a job is refused, and item and attribute are named",
        arguments: [
            ("job/run-1", ["at": .number("1")], "job/run-1"),
            ("job/run-1/plan/x", ["at": .number("1")], "job/run-1/plan/x"),
            ("job/r/plan", [:], "job/r/plan.at"),
            ("job/r/plan", ["at": .number("-1")], "job/r/plan.at"),
            ("job/r/plan", ["at": .number("1"), "task": .string("")], "job/r/plan.task"),
            ("job/r/plan", ["at": .number("1"), "task": .number("4")], "job/r/plan.task"),
            ("job/r/plan", ["at": .number("1"), "first": .string("1")], "job/r/plan.first"),
        ] as [(String, Item, String)]
    )
    func malformedJob(key: String, item: Item, named: String) {
        expectMalformed(named) { () throws(ItemFault) in
            _ = try JobItem.decode(item, key: key)
        }
    }

    @Test(
        "a malformed item of a departed task is refused, and item and attribute are named",
        arguments: [
            (["kind": .string("retired")], "task/t.at"), (["at": .number("1")], "task/t.kind"),
            (["at": .number("1"), "kind": .string("gone")], "task/t.kind"),
        ] as [(Item, String)]
    )
    func malformedTask(item: Item, named: String) {
        expectMalformed(named) { () throws(ItemFault) in
            _ = try DepartedItem.decode(item, key: "task/t")
        }
    }

    @Test("a newer format is refused as such, whatever else it holds")
    func newerFormat() {
        #expect(throws: ItemFault.newerFormat(2)) {
            try LedgerItem.decode(["format": .number("2"), "agents": .other(type: "BOOL")])
        }
    }

    @Test("what is counted may be absent, and an attribute that is not known is no fault")
    func leastAndMore() throws {
        let least: Item = ["format": .number("1"), "version": .number("3"), "size": .number("1")]
        let (ledger, writer) = try LedgerItem.decode(least)
        #expect(ledger == Ledger(version: 3, size: 1, isAdopted: false) && writer == nil)
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
