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

    /// Writes what is on the desk, and gives the turn back whatever comes of it.
    private func collect(
        _ found: DeskState,
        at desk: any AnnouncementDesk,
        _ mark: String,
        _ end: ContinuousClock.Instant
    ) async throws -> Announcement {
        var state = found
        do {
            repeat {
                let (calls, stale) = chosen(state, mark)
                switch try await write(Array(calls.values), attempts: Self.attemptsOfOne) {
                case .done(let announcement):
                    // What is written is written: if this fails the turn ends, and the next one
                    // repeats what changes nothing.
                    let marks = calls.keys + stale
                    try? await desk.settle(marks, announcement.answer, turnOf: mark)
                    return announcement
                case .crowded(let left, after: _):
                    // Others come during the wait, and are written with these.
                    try await pacing.sleep(left)
                    state = try await reached(desk.look)
                case .lost:
                    state = try await reached(desk.look)
                }
            } while pacing.now() < end
            throw AnnounceFailure(cause: "others were in the way for \(Self.patience)")
        } catch {
            // The others may fare better, in their own turns.
            try? await desk.settle([mark], nil, turnOf: mark)
            throw error
        }
    }

    /// - Returns: the oldest calls, as many as one turn writes, and the marks of those that are
    ///   only to be removed.
    private func chosen(
        _ state: DeskState,
        _ mark: String
    ) -> (calls: [String: DeskCall], stale: [String]) {
        let now = clock()
        let ordered = state.calls.sorted { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
        let fresh = ordered.filter { now.since($0.value.at) <= Self.oldest }.prefix(Self.batch)
        var calls = Dictionary(uniqueKeysWithValues: fresh.map { ($0.key, $0.value) })
        // The own one is always among them, or its request would wait for the next turn.
        calls[mark] = state.calls[mark]
        let stale = ordered.filter { now.since($0.value.at) > Self.oldest }.map(\.key)
        return (calls, Array(stale.prefix(max(0, Self.batch - calls.count))))
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

    /// A turn that ends later than any can was taken by a clock that is ahead of ours.
    private func isFree(_ state: DeskState) -> Bool {
        guard let turn = state.turn else { return true }
        let left = turn.end.since(clock())
        return left <= .zero || left > Self.turn * 2
    }

    /// The more wait, the less often each looks: a partition of DynamoDB takes 3,000 reads a
    /// second, and a full desk is several of them.
    private func pause(before state: DeskState) -> Duration {
        (.milliseconds(100) + .milliseconds(4) * state.calls.count) * (0.5 + pacing.random())
    }
}
