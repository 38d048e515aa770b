import Decisions
import Ports

typealias Item = [String: AttributeValue]

/// The sort keys of a service's items; the partition key is `<cluster>/<service>`.
enum LedgerKey {
    static let ledger = "ledger"
    static let limits = "limits"
    /// What a schedule has set, in an item of its own: the limits item belongs to whoever declares
    /// it (the Terraform module), who would take a schedule's count in it for a fault to be mended.
    static let scheduled = "limits/scheduled"
    /// The limits of a service that is being taken down. Whoever declares limits may write them
    /// beforehand, and say so by removing the limits item: Terraform, which destroys, can delete
    /// what it has made and write nothing.
    static let ending = "limits/ending"
    static let allButJobs: Set = [ledger, limits, scheduled, ending]
    private static let jobs = "job/"
    private static let tasks = "task/"

    static func job(_ job: Job) -> String { jobs + job.key }
    static func task(_ task: TaskID) -> String { tasks + task.text }

    /// Jobs, ledger and limits lie before it, the tasks that have departed behind it.
    static let end = tasks

    static func job(at key: String) -> Job? {
        key.hasPrefix(jobs) ? Job(key: String(key.dropFirst(jobs.count))) : nil
    }

    static func isJob(_ key: String) -> Bool { key.hasPrefix(jobs) }

    static func task(at key: String) -> TaskID? {
        key.hasPrefix(tasks) ? TaskID(String(key.dropFirst(tasks.count))) : nil
    }
}

/// What is counted of the ledger, as one small item. Reading is strict: what is not understood in
/// full is refused, since deciding on half a ledger could stop an agent that works.
///
///     pk "<cluster>/<service>"  sk "ledger"  format 1  version N  size N
///     writer   S, the mark of the last write on the condition of a version, which begins with the
///              writer's own version; absent before one
///     leaving  { "<task id>": { since: N ms, kind: "surplus" | "stray" } }, absent for none
///     exposed  { "<task id>": { since: N ms } }, absent for none
///     failed   { count: N, at: N ms, not_before: N ms }, absent while agents start
///     adopted  N 1, absent until a task of the service has written
///     recycled N ms, absent until a task has left for a fresh one
///     moves N  last_raise N  followed N   changes of the size, the one that last raised it, and those
///              that the service has followed
///     projected N ms, absent before the first booking
///
/// A writer that needs more raises `format`. Attributes that are not named here are left alone.
enum LedgerItem {
    static let format = 1

    /// What a write on the condition of a version sets; an attribute without a value is removed.
    static func counted(_ ledger: Ledger, writer: String) -> [(
        name: String, value: AttributeValue?
    )] {
        let failed = ledger.failedStarts.map { failed -> AttributeValue in
            .map([
                "count": .number(failed.count),
                "at": .number(failed.at.milliseconds),
                "not_before": .number(failed.notBefore.milliseconds),
            ])
        }
        return [
            ("format", .number(format)),
            ("version", .number(ledger.version)),
            ("writer", .string(writer)),
            ("size", .number(ledger.size)),
            ("moves", .number(ledger.moves)),
            ("last_raise", .number(ledger.lastRaise)),
            ("leaving", leaving(ledger)),
            ("exposed", exposed(ledger)),
            ("failed", failed),
            ("adopted", ledger.isAdopted ? .number(1) : nil),
            ("recycled", ledger.recycledAt.map { .number($0.milliseconds) }),
        ]
    }

    private static func leaving(_ ledger: Ledger) -> AttributeValue? {
        guard !ledger.leaving.isEmpty else { return nil }
        return .map(
            ledger.leaving.mapped {
                ["since": .number($0.since.milliseconds), "kind": .string($0.kind.rawValue)]
            }
        )
    }

    private static func exposed(_ ledger: Ledger) -> AttributeValue? {
        guard !ledger.exposed.isEmpty else { return nil }
        return .map(ledger.exposed.mapped { ["since": .number($0.since.milliseconds)] })
    }

    /// - Returns: the ledger without its jobs, and the mark of the write that made it so.
    static func decode(_ item: Item) throws(ItemFault) -> (ledger: Ledger, writer: String?) {
        let fields = Fields(item)
        // First of all: a newer format may have changed the meaning of all the rest.
        let format = try fields.count("format", atLeast: 1)
        guard format <= Self.format else { throw .newerFormat(format) }
        var ledger = Ledger(
            version: try fields.count("version", atLeast: 1),
            size: try fields.count("size")
        )
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
        ledger.failedStarts = try fields.optionalMap("failed").map { failed throws(ItemFault) in
            Ledger.FailedStarts(
                count: try failed.count("count"),
                at: try failed.time("at"),
                notBefore: try failed.time("not_before")
            )
        }
        ledger.isAdopted = try fields.optionalCount("adopted") != nil
        ledger.recycledAt = try fields.optionalTime("recycled")
        ledger.moves = try fields.optionalCount("moves") ?? 0
        ledger.lastRaise = try fields.optionalCount("last_raise") ?? 0
        ledger.followed = try fields.optionalCount("followed") ?? 0
        ledger.projectedAt = try fields.optionalTime("projected")
        guard ledger.staying >= 0 else {
            throw .malformed(attribute: "size", expected: "no less than the surplus that leaves")
        }
        return (ledger, try fields.optionalText("writer"))
    }
}

/// A job's item:
///
///     pk "<cluster>/<service>"  sk "job/<job id>/<job type>"  at N ms
///     task   S, absent while no agent has it
///     first  N 1 where it is its agent's first
enum JobItem {
    static func encode(_ entry: Ledger.JobEntry) -> Item {
        var item: Item = ["at": .number(entry.at.milliseconds)]
        if let task = entry.task { item["task"] = .string(task.text) }
        if entry.isFirst { item["first"] = .number(1) }
        return item
    }

    static func decode(_ item: Item, key: String) throws(ItemFault) -> (Job, Ledger.JobEntry) {
        guard let job = LedgerKey.job(at: key) else {
            throw .malformed(attribute: key, expected: "a key job/<job id>/<job type>")
        }
        let fields = Fields(item, prefix: key + ".")
        let entry = Ledger.JobEntry(
            at: try fields.time("at"),
            task: try fields.optionalTask("task"),
            isFirst: try fields.optionalCount("first") != nil
        )
        return (job, entry)
    }
}

/// The item of a task whose end is booked:
///
///     pk "<cluster>/<service>"  sk "task/<task id>"  at N ms
///     kind "retired" | "strayed" | "recycled"
///     expires N s, when DynamoDB may delete it (DynamoDB developer guide, "Time to live")
enum DepartedItem {
    static func encode(_ departed: Ledger.Departed) -> Item {
        let expires = departed.at.advanced(by: Ledger.departedFor).milliseconds / 1_000
        return [
            "at": .number(departed.at.milliseconds),
            "kind": .string(departed.kind.rawValue),
            "expires": .number(expires),
        ]
    }

    static func decode(_ item: Item, key: String) throws(ItemFault) -> Ledger.Departed {
        let fields = Fields(item, prefix: key + ".")
        guard let kind = Ledger.Departed.Kind(rawValue: try fields.text("kind")) else {
            let kinds = Ledger.Departed.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed(attribute: "\(key).kind", expected: kinds)
        }
        return Ledger.Departed(at: try fields.time("at"), kind: kind)
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

    /// A `desired_count` that a schedule has set stands for the one in the limits.
    static func choose(declared: Item?, scheduled: Item?, ending: Item?) -> Item? {
        if declared == nil, let ending { return ending }
        guard let count = scheduled?["desired_count"] else { return declared }
        return (declared ?? [:]).merging(["desired_count": count]) { _, scheduled in scheduled }
    }
}

extension Dictionary where Key == TaskID {
    fileprivate func mapped(_ members: (Value) -> Item) -> Item {
        Item(uniqueKeysWithValues: map { ($0.key.text, .map(members($0.value))) })
    }
}
