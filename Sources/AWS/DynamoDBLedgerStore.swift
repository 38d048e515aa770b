package import Decisions

/// The ledger in a DynamoDB table with the string key `pk`.
package struct DynamoDBLedgerStore: LedgerStore {
    private let table: LedgerTable
    private let environment: Limits
    private let adopting: Adopting?
    private let pacing: Pacing
    private let writer: @Sendable () -> String

    /// What the service wants, asked for before the first write of a task of the service.
    package typealias Adopting = @Sendable () async throws(LedgerFailure.Cause) -> Int

    /// - Parameters:
    ///   - table: the table's name.
    ///   - cluster: the short name of the cluster.
    ///   - environment: limits for what the table's limits item leaves out.
    ///   - adopting: see ``ServicePort/adopting(by:)``; nil for the endpoint.
    ///   - writer: a mark that no other write has.
    package init(
        _ aws: AWSClient,
        table: String,
        cluster: String,
        service: String,
        environment: Limits,
        adopting: Adopting?,
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
        self.adopting = adopting
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
        let most = LedgerChange<Answer, String>.maximumAttempts
        guard let result = try await change(attempts: most, operation) else {
            throw .unchanged(.contention(attempts: most))
        }
        return result
    }

    package func change<Answer: Sendable>(
        attempts: Int,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot)? {
        var change = LedgerChange<Answer, String>(attempts: attempts, adopts: adopting != nil)
        var step = LedgerChange<Answer, String>.Step.read
        var read: LedgerSnapshot?
        while true {
            do throws(LedgerFailure) {
                switch step {
                case .read:
                    let stored = try await stored()
                    read = stored.snapshot
                    step = change.read(
                        .init(stored.snapshot.ledger, stored.snapshot.limits, mark: stored.writer),
                        mark: writer(),
                        operation
                    )
                case .adopt:
                    step = change.adopted(desired: try await adopt(), operation)
                case .pause(let count):
                    guard await pacing.pause(afterTry: count, .afterLostRace) else {
                        throw .unchanged(.cancelled)
                    }
                    step = .read
                case .write(let ledger, let version, let mark):
                    step = try await write(ledger, over: version, mark, &change)
                case .done(let answer, let ledger):
                    guard let read else { preconditionFailure("done without a reading") }
                    return (
                        answer,
                        LedgerSnapshot(
                            ledger: ledger,
                            limits: read.limits,
                            limitsFault: read.limitsFault
                        )
                    )
                case .contended: return nil
                case .unclear: throw .unclear(.contention(attempts: attempts))
                }
            } catch {
                // What a write before may have done is not known better for this failure.
                if change.isUnclear, case .unchanged(let cause) = error { throw .unclear(cause) }
                throw error
            }
        }
    }

    private func adopt() async throws(LedgerFailure) -> Int {
        guard let adopting else { preconditionFailure("an adoption that was not asked for") }
        do {
            return try await adopting()
        } catch {
            throw .unchanged(error)
        }
    }

    private func write<Answer>(
        _ ledger: Ledger,
        over version: Int,
        _ mark: String,
        _ change: inout LedgerChange<Answer, String>
    ) async throws(LedgerFailure) -> LedgerChange<Answer, String>.Step {
        do {
            try await table.put(ledger, mark: mark, over: version)
            return change.wrote()
        } catch {
            switch error {
            case .lostRace: return change.lostRace()
            case .tooLarge(let bytes): throw .refused(.tooLarge(bytes: bytes))
            case .service(let failure) where failure.mayHaveTakenEffect:
                return change.gotNoAnswer()
            case .service(let failure): throw .unchanged(.service(failure))
            }
        }
    }

    private struct Stored {
        let snapshot: LedgerSnapshot
        /// Nil for a ledger that was never written.
        let writer: String?
    }

    private func stored() async throws(LedgerFailure) -> Stored {
        let items = try await table.get()
        do throws(ItemFault) {
            let (limits, fault) = try LimitsItem.decode(items.limits, environment: environment)
            let (ledger, writer) = try items.ledger.map(LedgerItem.decode) ?? (Ledger(), nil)
            let snapshot = LedgerSnapshot(ledger: ledger, limits: limits, limitsFault: fault)
            return Stored(snapshot: snapshot, writer: writer)
        } catch {
            throw .refused(error)
        }
    }
}

extension ServicePort {
    /// What the first write of a task to this service's ledger begins with: the service's own
    /// desired count.
    ///
    /// - Parameter task: whose sidecar writes. ECS must list it among those of the service, which
    ///   may be another one that a wrong setting names.
    package func adopting(by task: TaskID) -> DynamoDBLedgerStore.Adopting {
        { () async throws(LedgerFailure.Cause) -> Int in
            let counts: ServiceCounts
            var isListed = true
            do throws(AWSFailure) {
                counts = try await self.counts()
                if counts.isActive { isListed = try await tasks().contains(task) }
            } catch {
                throw .service(error)
            }
            guard counts.isActive else { throw .serviceEnds }
            if !isListed { throw .notOurs(task) }
            return counts.desired
        }
    }
}
