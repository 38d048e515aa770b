import Decisions

typealias Item = [String: AttributeValue]

/// The ledger as an item of the table. Reading is strict: what is not understood in full is
/// refused, since deciding on half a ledger could stop an agent that works.
///
///     pk "<cluster>/<service>"  format 1  version N  writer S  size N
///     jobs     { "<job id>/<job type>": { at: N ms, task: S, absent while none has it } }
///     leaving  { "<task id>": { since: N ms, kind: "surplus" | "stray" } }
///     exposed  { "<task id>": { since: N ms } }
///     departed { "<task id>": { at: N ms, kind: "retired" | "strayed" | "recycled" } }
///     failed   { count: N, not_before: N ms }, absent while agents start
///     adopted  N 1, absent until a task of the service has written
///     served   N ms, absent until an agent has had a job
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
            "departed": .map(
                ledger.departed.mapped(\.text) {
                    ["at": .number($0.at.milliseconds), "kind": .string($0.kind.rawValue)]
                }
            ),
        ]
        if ledger.isAdopted { item["adopted"] = .number(1) }
        if let served = ledger.servedAt { item["served"] = .number(served.milliseconds) }
        if let failed = ledger.failedStarts {
            item["failed"] = .map([
                "count": .number(failed.count),
                "not_before": .number(failed.notBefore.milliseconds),
            ])
        }
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
        for (key, entry) in try fields.maps("departed") {
            guard let kind = Ledger.Departed.Kind(rawValue: try entry.text("kind")) else {
                let kinds = Ledger.Departed.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw .malformed(attribute: "departed.\(key).kind", expected: kinds)
            }
            ledger.departed[TaskID(key)] = .init(at: try entry.time("at"), kind: kind)
        }
        ledger.failedStarts = try fields.optionalMap("failed").map { failed throws(ItemFault) in
            Ledger.FailedStarts(
                count: try failed.count("count"),
                notBefore: try failed.time("not_before")
            )
        }
        ledger.isAdopted = try fields.optionalCount("adopted") != nil
        ledger.servedAt = try fields.optionalCount("served").map { WallTime(milliseconds: $0) }
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
    /// - Parameter environment: used for what the item leaves out.
    /// - Returns: the limits, and what is wrong with them. Limits that contradict each other would
    ///   stop everything, webhooks included, so the ceiling wins.
    /// - Throws: ``ItemFault`` for an item that cannot be read.
    static func decode(
        _ item: Item?,
        environment: Limits
    ) throws(ItemFault) -> (limits: Limits, fault: LimitsFault?) {
        let fields = Fields(item ?? [:])
        let desired = try fields.optionalCount("desired_count") ?? environment.desiredCount
        let most = try fields.optionalCount("max_count") ?? environment.maxCount
        let spare = try fields.optionalCount("spare_count") ?? environment.spareCount
        let fault =
            desired > most ? LimitsFault(desiredCount: desired, maxCount: most) : nil
        let limits = Limits(desiredCount: min(desired, most), maxCount: most, spareCount: spare)
        guard let limits else {
            throw .malformed(attribute: "max_count", expected: "whole numbers of at least 0")
        }
        return (limits, fault)
    }
}

extension Dictionary {
    fileprivate func mapped(_ name: (Key) -> String, _ members: (Value) -> Item) -> Item {
        Item(uniqueKeysWithValues: map { (name($0.key), .map(members($0.value))) })
    }
}
