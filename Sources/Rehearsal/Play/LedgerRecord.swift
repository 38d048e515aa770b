import Decisions

/// The ledger's parts that rules and timeline speak about, put together from its items.
struct LedgerRecord: Equatable, Sendable {
    var version = 0
    var size = 0
    var jobs: Set<String> = []
    var leaving: Set<TaskID> = []
    var exposed: Set<TaskID> = []
    var departed: Set<TaskID> = []
    var isAdopted = true
    var startsFail = false

    init() {}

    /// - Parameter items: of the service, by their sort keys. Absent parts count as empty; nil
    ///   where none is of the ledger.
    init?(_ items: [String: TableItem]) {
        func rest(after start: String) -> Set<String> {
            Set(items.keys.filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) })
        }
        let counted = items["ledger"]
        func number(_ name: String) -> Int { Int(counted?[name]?["N"]?.string ?? "") ?? 0 }
        func keys(_ name: String) -> Set<String> {
            Set((counted?[name]?["M"]?.object ?? [:]).keys)
        }
        version = number("version")
        size = number("size")
        leaving = Set(keys("leaving").map { TaskID($0) })
        exposed = Set(keys("exposed").map { TaskID($0) })
        jobs = rest(after: "job/")
        departed = Set(rest(after: "task/").map { TaskID($0) })
        isAdopted = counted?["adopted"] != nil
        startsFail = counted?["failed"] != nil
        if counted == nil, jobs.isEmpty, departed.isEmpty { return nil }
    }

    /// One write of the ledger: what it was, what it is.
    struct Write: Equatable, Sendable {
        var old: LedgerRecord?
        var new: LedgerRecord

        /// Tasks that this write added to `departed`.
        var departures: [TaskID] {
            new.departed.subtracting(old?.departed ?? []).sorted()
        }

        /// Nothing changed but jobs and, upwards, size: a job's item, a raise or a booking, none of
        /// which changes the version of an item that is there.
        var leavesVersion: Bool {
            let old = old ?? LedgerRecord()
            return new.version == max(old.version, new.version == 0 ? 0 : 1)
                && new.size >= old.size && new.leaving == old.leaving
                && new.exposed == old.exposed && departures.isEmpty
        }
    }
}
