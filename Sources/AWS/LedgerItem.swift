import Decisions

typealias Item = [String: AttributeValue]

/// The ledger as an item of the table. Reading is strict: what is not understood in full is
/// refused, since deciding on half a ledger could stop an agent that works.
///
///     pk "<cluster>/<service>"  format 1  version N  writer S  size N
///     jobs     { "<job id>/<job type>": { at: N ms, task: S, absent while none has it } }
///     leaving  { "<task id>": { since: N ms, kind: "surplus" | "stray" } }
///     exposed  { "<task id>": { since: N ms } }
///     departed [ "<task id>", oldest first ]
///     projected N ms, absent before the first booking
///
/// A writer that needs more raises `format`. Attributes that are not named here are ignored and
/// lost with the next write.
enum LedgerItem {
    static let format = 1
    /// DynamoDB's limit is 409,600 bytes (DynamoDB developer guide, ServiceQuotas); the rest is a
    /// margin for its own way of counting. About 5,000 jobs fit.
    static let maximumBytes = 390_000

    static func encode(_ ledger: Ledger, key: String, writer: String) -> Item {
        var item: Item = [
            "pk": .string(key),
            "format": .number(format),
            "version": .number(ledger.version),
            "writer": .string(writer),
            "size": .number(ledger.size),
            "jobs": .map(
                ledger.jobs.mapped(\.key) { entry in
                    var members: Item = ["at": .number(entry.at.milliseconds)]
                    if let task = entry.task { members["task"] = .string(task.text) }
                    return members
                }
            ),
            "leaving": .map(
                ledger.leaving.mapped(\.text) {
                    [
                        "since": .number($0.since.milliseconds),
                        "kind": .string($0.kind.rawValue),
                    ]
                }
            ),
            "exposed": .map(
                ledger.exposed.mapped(\.text) { ["since": .number($0.since.milliseconds)] }
            ),
            "departed": .list(ledger.departed.map { .string($0.text) }),
        ]
        if let booked = ledger.projectedAt { item["projected"] = .number(booked.milliseconds) }
        return item
    }

    /// - Returns: the ledger, and the mark of the write that made it so.
    static func decode(_ item: Item) throws(ItemFault) -> (ledger: Ledger, writer: String) {
        let fields = Fields(item)
        // First of all: a newer format may have changed the meaning of all the rest.
        let format = try fields.count("format", atLeast: 1)
        guard format <= Self.format else { throw .newerFormat(format) }
        var ledger = Ledger(
            version: try fields.count("version", atLeast: 1),
            size: try fields.count("size")
        )
        for (key, entry) in try fields.maps("jobs") {
            guard let job = Job(key: key) else {
                throw .malformed(attribute: "jobs.\(key)", expected: "a key <job id>/<job type>")
            }
            ledger.jobs[job] = Ledger.JobEntry(
                at: try entry.time("at"),
                task: try entry.optionalTask("task")
            )
        }
        for (key, entry) in try fields.maps("leaving") {
            guard let kind = Ledger.LeaveKind(rawValue: try entry.text("kind")) else {
                throw .malformed(attribute: "leaving.\(key).kind", expected: "surplus or stray")
            }
            ledger.leaving[TaskID(key)] = Ledger.Reservation(
                since: try entry.time("since"),
                kind: kind
            )
        }
        for (key, entry) in try fields.maps("exposed") {
            ledger.exposed[TaskID(key)] = Ledger.Exposure(since: try entry.time("since"))
        }
        ledger.departed = try fields.tasks("departed")
        ledger.projectedAt = try fields.optionalCount("projected").map {
            WallTime(milliseconds: $0)
        }
        guard ledger.staying >= 0 else {
            throw .malformed(attribute: "size", expected: "no less than the surplus that leaves")
        }
        return (ledger, try fields.text("writer"))
    }

    static func size(_ item: Item) -> Int {
        item.reduce(0) { $0 + $1.key.utf8.count + $1.value.size }
    }
}

/// The limits item: `desired_count`, `max_count`, `spare_count`, each N and each optional.
enum LimitsItem {
    /// - Parameter environment: used for what the item leaves out, and for nothing else: an item
    ///   that is wrong is an error, since whoever wrote it meant something.
    static func decode(
        _ item: Item?,
        environment: Limits
    ) throws(ItemFault) -> (limits: Limits, source: LimitsSource) {
        let fields = Fields(item ?? [:])
        let desired = try fields.optionalCount("desired_count")
        let most = try fields.optionalCount("max_count")
        let spare = try fields.optionalCount("spare_count")
        let limits = Limits(
            desiredCount: desired ?? environment.desiredCount,
            maxCount: most ?? environment.maxCount,
            spareCount: spare ?? environment.spareCount
        )
        guard let limits else {
            let shown = [
                "desired_count \(desired ?? environment.desiredCount)",
                "max_count \(most ?? environment.maxCount)",
            ]
            throw .badLimits(
                cause: shown.joined(separator: ", ")
                    + "; expected desired_count at most max_count, and max_count at least 1"
            )
        }
        switch [desired, most, spare].count(where: { $0 != nil }) {
        case 0: return (limits, .environment)
        case 3: return (limits, .table)
        default: return (limits, .both)
        }
    }
}

extension Dictionary {
    fileprivate func mapped(_ name: (Key) -> String, _ members: (Value) -> Item) -> Item {
        Item(uniqueKeysWithValues: map { (name($0.key), .map(members($0.value))) })
    }
}
