import AWS
import Decisions

/// The desk could not be used; nothing is known of the call that was put there.
struct UnusableDesk: Error { let cause: AWSFailure }

/// One writes for all that wait at the desk.
extension AnnouncementWriting {
    /// Puts the call on the desk and returns once it is written: by whoever has the turn, or by
    /// this instance if it comes to have it.
    ///
    /// - Parameter wait: until an update may be booked, as far as is known.
    /// - Throws: ``UnusableDesk``, or what writing throws.
    func share(
        _ call: DeskCall,
        at desk: any AnnouncementDesk,
        after wait: Duration,
        _ end: ContinuousClock.Instant
    ) async throws -> Announcement {
        let mark = DynamoDBLedgerStore.randomMark()
        var state = try await reached { () async throws(AWSFailure) in
            try await desk.submit(call, mark: mark, until: turnEnd())
        }
        if state.turn?.holder == mark {
            // Others come during the wait, and are written with this one.
            if wait > .zero {
                try await pacing.sleep(wait)
                state = try await reached(desk.look)
            }
            return try await collect(state, at: desk, mark, end)
        }
        while pacing.now() < end {
            try await pacing.sleep(pause(before: state))
            state = try await reached(desk.look)
            guard state.calls[mark] != nil else {
                // Calls are removed when they are written, with an answer.
                guard let answer = state.answer else { break }
                return Announcement(answer)
            }
            if state.turn?.holder != mark {
                guard isFree(state), let taken = try await take(desk, mark, after: state) else {
                    continue
                }
                state = taken
            }
            return try await collect(state, at: desk, mark, end)
        }
        throw AnnounceFailure(cause: "nobody wrote what is on the desk")
    }

    /// Announces what instances that died left on the desk; done by the sweep.
    func clearDesk() async throws(AnnounceFailure) {
        guard let desk else { return }
        do {
            let state = try await reached(desk.look)
            let mark = DynamoDBLedgerStore.randomMark()
            guard !state.calls.isEmpty, isFree(state),
                let taken = try await take(desk, mark, after: state)
            else { return }
            _ = try await collect(taken, at: desk, mark, pacing.now() + Self.patience)
        } catch let unusable as UnusableDesk {
            complain(unusable.cause)
        } catch {
            throw AnnounceFailure(cause: "\(error)")
        }
    }

    /// Writes the oldest calls, and gives the turn back whatever comes of it.
    private func collect(
        _ state: DeskState,
        at desk: any AnnouncementDesk,
        _ mark: String,
        _ end: ContinuousClock.Instant
    ) async throws -> Announcement {
        let now = clock()
        let stale = state.calls.filter { now.since($0.value.at) > Self.oldest }.map(\.key)
        let fresh = state.calls.filter { now.since($0.value.at) <= Self.oldest }
            .sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }.prefix(Self.batch)
        // The own one is always among them, or its request would wait for the next turn.
        var calls = Dictionary(uniqueKeysWithValues: fresh.map { ($0.key, $0.value) })
        calls[mark] = state.calls[mark]
        do {
            let announcement = try await insist(Array(calls.values), after: .zero, end)
            let marks = Array(calls.keys) + stale.prefix(max(0, Self.batch - calls.count))
            // What is written is written: if this fails the turn ends, and the next one repeats
            // what changes nothing.
            try? await desk.settle(marks, announcement.answer, turnOf: mark)
            return announcement
        } catch {
            // The others may fare better, in their own turns.
            try? await desk.settle([mark], nil, turnOf: mark)
            throw error
        }
    }

    private func take(
        _ desk: any AnnouncementDesk,
        _ mark: String,
        after state: DeskState
    ) async throws -> DeskState? {
        try await reached { () async throws(AWSFailure) in
            try await desk.takeTurn(mark, until: turnEnd(), after: state.turn)
        }
    }

    private func reached<Value>(_ call: () async throws(AWSFailure) -> Value) async throws -> Value
    {
        do {
            return try await call()
        } catch {
            throw UnusableDesk(cause: error)
        }
    }

    private func turnEnd() -> WallTime {
        WallTime(milliseconds: clock().milliseconds + Int(Self.turn.milliseconds))
    }

    private func isFree(_ state: DeskState) -> Bool {
        state.turn.map { $0.end <= clock() } ?? true
    }

    /// The more wait, the less often each looks: a partition of DynamoDB takes 3,000 reads a
    /// second, and a full desk is several of them.
    private func pause(before state: DeskState) -> Duration {
        (.milliseconds(100) + .milliseconds(4) * state.calls.count) * (0.5 + pacing.random())
    }
}
