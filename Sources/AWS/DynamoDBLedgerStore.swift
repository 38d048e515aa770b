package import Decisions

/// The ledger in a DynamoDB table with the string key `pk`.
package struct DynamoDBLedgerStore: LedgerStore {
    private let table: LedgerTable
    private let environment: Limits
    private let pacing: Pacing
    private let writer: @Sendable () -> String

    /// Tries of one change. Each lost race means that somebody else's write succeeded, so with
    /// this many a hundred writers at the same moment get through.
    static let maximumAttempts = 30

    /// - Parameters:
    ///   - table: the table's name.
    ///   - cluster: the short name of the cluster.
    ///   - environment: limits for what the table's limits item leaves out.
    ///   - writer: a mark that no other write has.
    package init(
        _ aws: AWSClient,
        table: String,
        cluster: String,
        service: String,
        environment: Limits,
        pacing: Pacing = Pacing(),
        writer: @escaping @Sendable () -> String = Self.randomMark
    ) {
        self.table = LedgerTable(
            aws,
            name: table,
            key: "\(cluster)/\(service)",
            pacing: pacing
        )
        self.environment = environment
        self.pacing = pacing
        self.writer = writer
    }

    /// 128 random bits.
    package static func randomMark() -> String {
        let high = UInt64.random(in: .min ... .max)
        let low = UInt64.random(in: .min ... .max)
        return String(high, radix: 36) + "-" + String(low, radix: 36)
    }

    package func read() async throws(LedgerFailure) -> LedgerSnapshot {
        try await stored().snapshot
    }

    package func change<Answer: Sendable>(
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        let most = Self.maximumAttempts
        guard let result = try await change(attempts: most, operation) else {
            throw .unchanged(.contention(attempts: most))
        }
        return result
    }

    package func change<Answer: Sendable>(
        attempts: Int,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot)? {
        var tries = Tries<Answer>()
        while true {
            // Nothing to read for: a write of ours cannot be what is there.
            if tries.count >= attempts, !tries.unclear { return nil }
            // Before the read: what is read must be fresh when it is written.
            if tries.count > 0, await !pacing.pause(afterTry: tries.count, .afterLostRace) {
                throw tries.failure(.unchanged(.cancelled))
            }
            let stored: Stored
            do {
                stored = try await self.stored()
            } catch {
                throw tries.failure(error)
            }
            if let mark = stored.writer, let written = tries.answers[mark] {
                // A write that seemed lost had taken effect.
                return (written, stored.snapshot)
            }
            guard tries.count < attempts else {
                throw .unclear(.contention(attempts: tries.count))
            }
            if let result = try await applied(operation, to: stored, &tries) { return result }
        }
    }

    /// What a change has tried so far.
    private struct Tries<Answer> {
        var count = 0
        /// The answer of each write that was sent, by its mark.
        var answers: [String: Answer] = [:]
        /// Whether a write got no answer: it may have been written, and others since on top.
        var unclear = false

        func failure(_ failure: LedgerFailure) -> LedgerFailure {
            if unclear, case .unchanged(let cause) = failure { return .unclear(cause) }
            return failure
        }
    }

    /// - Returns: nil when somebody else wrote first, or nobody knows.
    private func applied<Answer: Sendable>(
        _ operation: @Sendable (inout Ledger, Limits) -> Answer,
        to stored: Stored,
        _ tries: inout Tries<Answer>
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot)? {
        let before = stored.snapshot
        var ledger = before.ledger
        let answer = operation(&ledger, before.limits)
        ledger.version = before.ledger.version
        if ledger == before.ledger { return (answer, before) }
        ledger.version += 1
        tries.count += 1
        let mark = writer()
        tries.answers[mark] = answer
        do {
            try await table.put(ledger, mark: mark, over: before.ledger.version)
        } catch {
            switch error {
            case .lostRace: return nil
            case .tooLarge(let bytes): throw tries.failure(.refused(.tooLarge(bytes: bytes)))
            case .service(let failure) where failure.mayHaveTakenEffect:
                tries.unclear = true
                return nil
            case .service(let failure): throw tries.failure(.unchanged(.service(failure)))
            }
        }
        let after = LedgerSnapshot(
            ledger: ledger,
            limits: before.limits,
            limitsSource: before.limitsSource
        )
        return (answer, after)
    }

    private struct Stored {
        let snapshot: LedgerSnapshot
        /// Nil for a ledger that was never written.
        let writer: String?
    }

    private func stored() async throws(LedgerFailure) -> Stored {
        let items = try await table.get()
        do throws(ItemFault) {
            let (limits, source) = try LimitsItem.decode(items.limits, environment: environment)
            guard let item = items.ledger else {
                let fresh = LedgerSnapshot(
                    ledger: Ledger(),
                    limits: limits,
                    limitsSource: source
                )
                return Stored(snapshot: fresh, writer: nil)
            }
            let (ledger, writer) = try LedgerItem.decode(item)
            let snapshot = LedgerSnapshot(ledger: ledger, limits: limits, limitsSource: source)
            return Stored(snapshot: snapshot, writer: writer)
        } catch {
            throw .refused(error)
        }
    }
}
