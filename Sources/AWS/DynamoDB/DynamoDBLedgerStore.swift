package import Decisions
package import Ports
import ProductVersion

/// The ledger in a DynamoDB table with the string keys `pk` and `sk`.
package struct DynamoDBLedgerStore: LedgerStore {
    private let table: LedgerTable
    private let environment: Limits
    private let adoption: Adoption?
    private let retry: RetryClock
    private let writer: @Sendable () -> String

    /// - Parameters:
    ///   - table: the table's name.
    ///   - cluster: the short name of the cluster.
    ///   - environment: limits for what the table's limits item leaves out.
    ///   - adoption: see ``ServicePort/adoption(by:)``; nil for the endpoint.
    ///   - meter: is told what writing costs.
    ///   - writer: a mark that no other write has.
    package init(
        _ aws: AWSClient,
        table: String,
        cluster: String,
        service: String,
        environment: Limits,
        adoption: Adoption?,
        meter: LedgerMeter? = nil,
        retry: RetryClock = RetryClock(),
        writer: @escaping @Sendable () -> String = Self.randomMark
    ) {
        self.table = LedgerTable(
            aws,
            name: table,
            key: "\(cluster)/\(service)",
            retry: retry,
            meter: meter
        )
        self.environment = environment
        self.adoption = adoption
        self.retry = retry
        self.writer = writer
    }

    /// The version of the program that writes, so that a look at the table tells which ones are at
    /// work, and 128 random bits.
    package static func randomMark() -> String {
        let high = UInt64.random(in: .min ... .max)
        let low = UInt64.random(in: .min ... .max)
        let random = String(high, radix: 36) + "-" + String(low, radix: 36)
        return "\(ProductVersion.current) \(random)"
    }

    package func read() async throws(LedgerFailure) -> LedgerSnapshot {
        try await stored().snapshot
    }

    /// How these tasks departed, as far as the table has it.
    package func departed(
        _ tasks: Set<TaskID>
    ) async throws(LedgerFailure) -> [TaskID: Ledger.Departed] {
        try await table.departed(tasks)
    }

    /// The version of the program that wrote last on a condition; nil before one has.
    package func lastWriter() async throws(LedgerFailure) -> String? {
        guard let item = try await table.ledger() else { return nil }
        do throws(ItemFault) {
            let writer = try LedgerItem.decode(item).writer
            return writer?.split(separator: " ").first.map(String.init)
        } catch {
            throw .refused("\(error)")
        }
    }

    // MARK: Changing it

    package func change<Answer: Sendable>(
        knowing departed: @escaping @Sendable (Ledger) -> Set<TaskID>,
        _ operation: @Sendable (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> (answer: Answer, snapshot: LedgerSnapshot) {
        var change = LedgerChange<Answer, String>(adopts: adoption != nil)
        var step = LedgerChange<Answer, String>.Step.read
        var last: LedgerSnapshot?
        while true {
            do throws(LedgerFailure) {
                switch step {
                case .read: step = try await read(&change, &last, departed, operation)
                case .readDeparted(let tasks):
                    step = change.readDeparted(try await table.departed(tasks), operation)
                case .adopt: step = change.adopted(desired: try await adopt(), operation)
                case .pause(let count):
                    guard await retry.pause(afterTry: count, .afterLostRace) else {
                        throw .unchanged(.cancelled)
                    }
                    step = .read
                case .write(let write): step = try await perform(write, &change)
                case .raise(let size, let version):
                    let raised = try? await raise(to: size, over: version, bookingAt: nil)
                    step = change.raised(raised?.counted)
                case .done(let answer, let ledger, let sizeChanged):
                    guard let last else { preconditionFailure("done without a reading") }
                    return (answer, last.changed(to: ledger, sizeChanged: sizeChanged))
                case .contended:
                    let attempts = LedgerChange<Answer, String>.maximumAttempts
                    throw .unchanged(.contention(attempts: attempts))
                case .unclear:
                    let attempts = LedgerChange<Answer, String>.maximumAttempts
                    throw .unclear(.contention(attempts: attempts))
                }
            } catch {
                // What a write before may have done is not known better for this failure.
                if change.isUnclear, case .unchanged(let cause) = error { throw .unclear(cause) }
                throw error
            }
        }
    }

    private func read<Answer>(
        _ change: inout LedgerChange<Answer, String>,
        _ last: inout LedgerSnapshot?,
        _ departed: (Ledger) -> Set<TaskID>,
        _ operation: (inout Ledger, Limits) -> Answer
    ) async throws(LedgerFailure) -> LedgerChange<Answer, String>.Step {
        let stored: Stored
        do throws(LedgerFailure) {
            stored = try await self.stored()
        } catch {
            if let step = change.missedReading() { return step }
            throw error
        }
        last = stored.snapshot
        return change.read(
            .init(stored.snapshot.ledger, stored.snapshot.limits, mark: stored.writer),
            mark: writer(),
            departed: departed,
            operation
        )
    }

    private func adopt() async throws(LedgerFailure) -> Int {
        guard let adoption else { preconditionFailure("an adoption that was not asked for") }
        do {
            return try await adoption()
        } catch {
            throw .unchanged(error)
        }
    }

    /// Actions of one transaction at the most (DynamoDB API reference, TransactWriteItems).
    private static let actions = 100

    private func perform<Answer>(
        _ write: LedgerWrite<String>,
        _ change: inout LedgerChange<Answer, String>
    ) async throws(LedgerFailure) -> LedgerChange<Answer, String>.Step {
        var rest = write.departed.map { TableWrite.departed($0.key, $0.value) }
        if let counted = write.counted {
            rest.append(.counted(counted, write))
        }
        // Jobs alone need not change together, and one after the other they get in nobody's way.
        let isAlone = rest.isEmpty || write.jobs.count + rest.count > Self.actions
        do throws(LedgerTable.WriteFailure) {
            for job in write.jobs where isAlone { try await table.write([.job(job)], .harmless) }
            if !isAlone { rest += write.jobs.map(TableWrite.job) }
            if !rest.isEmpty { try await table.write(rest, .afterNothing) }
            return change.wrote()
        } catch {
            switch error {
            case .lostRace: return change.lostRace()
            case .service(let failure) where failure.mayHaveTakenEffect:
                return change.gotNoAnswer()
            case .service(let failure): throw .unchanged(.call("\(failure)"))
            }
        }
    }

    // MARK: One write by itself

    package func write(_ job: JobWrite) async throws(LedgerFailure) -> JobWriteAnswer {
        let old: Item
        do {
            old = try await table.replace(.job(job))
        } catch {
            switch error {
            case .lostRace: return .otherwise
            case .service(let failure): throw .after(failure)
            }
        }
        // It is written, whatever was there.
        let entry = try? JobItem.decode(old, key: LedgerKey.job(job.job)).1
        return .written(over: entry)
    }

    package func counted() async throws(LedgerFailure) -> Ledger {
        guard let item = try await table.ledger() else { return Ledger() }
        return try decoded(item)
    }

    package func overview() async throws(LedgerFailure) -> LedgerSnapshot {
        try stored(try await table.overview()).snapshot
    }

    package func raise(
        to size: Int,
        over version: Int,
        bookingAt now: WallTime?
    ) async throws(LedgerFailure) -> (isBooked: Bool, counted: Ledger) {
        var update = TableWrite.Update(
            set: [("format", .number(LedgerItem.format)), ("size", .number(size))],
            next: [(name: "moves", after: "moves"), (name: "last_raise", after: "moves")]
        )
        var isBelow = TableWrite.Condition.isVersion(version)
        if version == 0 {
            update.set.append(("version", .number(1)))
        } else {
            isBelow = isBelow.and(.init(text: "#size < :size", names: ["size"]))
        }
        if let now {
            let plain = update
            update.set.append(("projected", .number(now.milliseconds)))
            if let counted = try await updated(update, if: isBelow.and(.isFree(at: now))) {
                return (true, counted)
            }
            update = plain
        }
        if let counted = try await updated(update, if: isBelow) { return (false, counted) }
        return (false, try await counted())
    }

    package func book(
        at now: WallTime
    ) async throws(LedgerFailure) -> (wait: Duration?, counted: Ledger) {
        let update = TableWrite.Update(set: [("projected", .number(now.milliseconds))])
        let isFree = TableWrite.Condition.isWritten.and(.isFree(at: now))
        if let counted = try await updated(update, if: isFree) { return (nil, counted) }
        let counted = try await counted()
        return (counted.bookingWait(at: now) ?? .zero, counted)
    }

    package func note(
        followed moves: Int,
        after before: Int
    ) async throws(LedgerFailure) -> (isNoted: Bool, counted: Ledger) {
        let update = TableWrite.Update(set: [("followed", .number(moves))])
        // Not also what it is set to: that may be another one's note, of an update that this one
        // overtook. A note that is repeated since its answer was lost costs one update more.
        let isSame = TableWrite.Condition(
            text: before == 0
                ? "(attribute_not_exists(#followed) OR #followed = :noted)" : "#followed = :noted",
            names: ["followed"],
            values: [":noted": .number(before)]
        )
        if let counted = try await updated(update, if: .isWritten.and(isSame)) {
            return (true, counted)
        }
        return (false, try await counted())
    }

    /// - Returns: what is counted after the update; nil where its condition did not hold.
    private func updated(
        _ update: TableWrite.Update,
        if condition: TableWrite.Condition
    ) async throws(LedgerFailure) -> Ledger? {
        let item: Item
        do throws(LedgerTable.WriteFailure) {
            item = try await table.update(update, if: condition)
        } catch {
            switch error {
            case .lostRace: return nil
            case .service(let failure): throw .after(failure)
            }
        }
        return try decoded(item)
    }

    // MARK: Reading it

    private struct Stored {
        let snapshot: LedgerSnapshot
        /// Nil for what was never written on the condition of a version.
        let writer: String?
    }

    private func stored() async throws(LedgerFailure) -> Stored {
        try stored(try await table.query())
    }

    private func stored(_ items: [String: Item]) throws(LedgerFailure) -> Stored {
        do throws(ItemFault) {
            let chosen = LimitsItem.choose(
                declared: items[LedgerKey.limits],
                scheduled: items[LedgerKey.scheduled],
                ending: items[LedgerKey.ending]
            )
            let (limits, fault) = try LimitsItem.decode(chosen, environment: environment)
            var (ledger, writer) = (Ledger(), nil as String?)
            if let item = items[LedgerKey.ledger] {
                (ledger, writer) = try LedgerItem.decode(item)
            }
            for (key, item) in items where LedgerKey.isJob(key) {
                let (job, entry) = try JobItem.decode(item, key: key)
                ledger.jobs[job] = entry
            }
            let snapshot = LedgerSnapshot(ledger: ledger, limits: limits, limitsFault: fault)
            return Stored(snapshot: snapshot, writer: writer)
        } catch {
            throw .refused("\(error)")
        }
    }

    private func decoded(_ item: Item) throws(LedgerFailure) -> Ledger {
        do throws(ItemFault) {
            return try LedgerItem.decode(item).ledger
        } catch {
            throw .refused("\(error)")
        }
    }
}

extension LedgerFailure {
    /// After a write by itself.
    fileprivate static func after(_ failure: AWSFailure) -> LedgerFailure {
        failure.mayHaveTakenEffect ? .unclear(.call("\(failure)")) : .unchanged(.call("\(failure)"))
    }
}

extension TableWrite.Condition {
    /// There is a ledger; one that was lost meanwhile must not begin anew with half of it.
    fileprivate static let isWritten = Self(text: "attribute_exists(#size)", names: ["size"])

    /// - Parameter version: 0 for no ledger at all.
    static func isVersion(_ version: Int) -> Self {
        guard version > 0 else {
            return Self(text: "attribute_not_exists(#version)", names: ["version"])
        }
        return Self(
            text: "#version = :expected",
            names: ["version"],
            values: [":expected": .number(version)]
        )
    }

    /// No booking is in the way, as ``Ledger/bookingWait(at:)`` says.
    fileprivate static func isFree(at now: WallTime) -> Self {
        let (spacing, ahead) = (Ledger.updateSpacing, Ledger.longestCall)
        return Self(
            text: "(attribute_not_exists(#projected) OR #projected <= :before "
                + "OR #projected > :ahead)",
            names: ["projected"],
            values: [
                ":before": .number(now.advanced(by: .zero - spacing).milliseconds),
                ":ahead": .number(now.advanced(by: ahead).milliseconds),
            ]
        )
    }

    func and(_ other: Self) -> Self {
        Self(
            text: text + " AND " + other.text,
            names: names + other.names,
            values: values.merging(other.values) { $1 }
        )
    }
}

extension LedgerSnapshot {
    fileprivate func changed(to ledger: Ledger, sizeChanged: Bool) -> LedgerSnapshot {
        LedgerSnapshot(
            ledger: ledger,
            limits: limits,
            limitsFault: limitsFault,
            sizeChanged: sizeChanged
        )
    }
}
