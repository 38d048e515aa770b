import Decisions
import Ports
import AWS

extension Examination {
    /// The ledger, its table, and what both say of the service.
    var ledgerDiagnoses: [Diagnosis] {
        var judge = Judge(.ledger)
        judgeLedger(&judge)
        judgeTable(&judge)
        return judge.diagnoses
    }

    private func judgeLedger(_ judge: inout Judge) {
        let snapshot: Decided
        switch ledger {
        case .unseen(let why):
            let isRefused = why.contains("the ledger is refused")
            if isRefused {
                judge.expect("ledger.readable", false, why, Self.newerAdvice)
            } else {
                judge.cannotTell("ledger.readable", why)
            }
            return
        case .seen(let found): snapshot = Decided(found.ledger, found.limits, found.limitsFault)
        }
        let (book, limits) = (snapshot.ledger, snapshot.limits)
        judge.expect("ledger.readable", true, "\(book.jobs.count) jobs, size \(book.size)", "")
        judge.expect(
            "ledger.written",
            book.isWritten,
            book.isWritten ? "version \(book.version)" : "it was never written",
            else: .doubtful,
            "before the first run this is as it should be; after it, ask why the endpoint could not "
                + "announce (its log)"
        )
        judge.expect(
            "ledger.limits",
            snapshot.fault == nil && !limits.isEnding,
            "desired \(limits.desiredCount), max \(limits.maxCount), spare \(limits.spareCount)",
            snapshot.fault.map { "\($0)" }
                ?? "max_count 0 is the end of the service: set it to start agents again"
        )
        let exposed = book.exposed.keys.sorted().map(\.shortText).joined(separator: ", ")
        judge.expect(
            "ledger.exposed",
            book.exposed.isEmpty,
            exposed.isEmpty ? "no agent runs unprotected" : "unprotected: \(exposed)",
            "allow ecs:UpdateTaskProtection in the task role; nothing is lowered until then"
        )
        let failed = book.failedStarts?.count ?? 0
        judge.expect(
            "ledger.failed_starts",
            failed == 0,
            failed == 0 ? "agents start" : "\(failed) agents in a row ended before a job",
            else: failed > Ledger.FailedStarts.tolerated ? .faulty : .doubtful,
            "read the agent's log: most often its token is wrong or revoked"
        )
    }

    private static let newerAdvice =
        "where it says that the format is newer, a newer version has written it: upgrade this one; "
        + "else mend the item that it names"

    private struct Decided {
        let ledger: Ledger
        let limits: Limits
        let fault: String?

        init(_ ledger: Ledger, _ limits: Limits, _ fault: (some CustomStringConvertible)?) {
            self.ledger = ledger
            self.limits = limits
            self.fault = fault.map { "\($0)" }
        }
    }

    private func judgeTable(_ judge: inout Judge) {
        guard case .seen(let table) = table else {
            if case .unseen(let why) = table { judge.cannotTell("table.described", why) }
            return
        }
        judge.expect(
            "table.status",
            table.status == "ACTIVE",
            table.status,
            "wait until the table is ACTIVE; nothing can be announced before"
        )
        judge.expect(
            "table.keys",
            table.keys == ["pk HASH", "sk RANGE"],
            table.keys.joined(separator: ", "),
            "the table is another one, or was made otherwise: its keys must be pk and sk, both text"
        )
        judge.expect(
            "table.protected",
            table.isProtected,
            table.isProtected ? "protected from deletion" : "anybody may delete it",
            else: .doubtful,
            "turn on deletion protection: without its ledger a pool forgets its jobs"
        )
        judge.expect(
            "table.expiry",
            table.expiryAttribute == "expires",
            table.expiryAttribute ?? "nothing expires",
            else: .doubtful,
            "turn on time to live with the attribute expires, or departed tasks stay for ever"
        )
    }
}
