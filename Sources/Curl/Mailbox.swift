import CLibcurl
import Glibc
import Synchronization

/// How the rest of the process speaks to the loop thread.
final class Mailbox: Sendable {
    /// One request and the caller that waits for its answer.
    struct Submission: Sendable {
        let id: UInt64
        let request: CheckedRequest
        let waiter: CheckedContinuation<Transfer.Answer, Never>
    }

    struct Mail {
        var submissions: [Submission] = []
        var cancelled: [UInt64] = []
        /// Parts of tasks that run on the loop's thread.
        var jobs: [UnownedJob] = []
        var stop = false
    }

    /// Says that a request is not wanted any more, whether or not it was submitted by then.
    final class Ticket: Sendable {
        fileprivate let id: UInt64
        fileprivate let isCancelled = Atomic<Bool>(false)
        fileprivate init(id: UInt64) { self.id = id }
    }

    private struct State {
        var mail = Mail()
        var nextID: UInt64 = 0
        /// Submitted and not yet answered: a cancellation of anything else is void, so none is
        /// kept for ever.
        var unanswered: Set<UInt64> = []
        /// Nil once the loop has ended: the handle is gone.
        var bell: Bell?
        /// The loop's own; what comes from there needs no bell.
        var thread: pthread_t?

        func ring() {
            if thread.map({ pthread_equal($0, pthread_self()) == 0 }) ?? true { bell?.ring() }
        }
    }

    private let state: Mutex<State>

    init(_ bell: Bell) { state = Mutex(State(bell: bell)) }

    func ticket() -> Ticket {
        state.withLock { state in
            state.nextID += 1
            return Ticket(id: state.nextID)
        }
    }

    /// Hands a request over, or answers at once if it was cancelled or the loop was stopped.
    func submit(
        _ request: CheckedRequest,
        _ ticket: Ticket,
        _ waiter: CheckedContinuation<Transfer.Answer, Never>
    ) {
        let refusal: HTTPFailure.Kind? = state.withLock { state in
            guard state.bell != nil, !state.mail.stop else { return .stopped }
            guard !ticket.isCancelled.load(ordering: .sequentiallyConsistent) else {
                return .cancelled
            }
            state.unanswered.insert(ticket.id)
            state.mail.submissions.append(
                Submission(id: ticket.id, request: request, waiter: waiter)
            )
            state.ring()
            return nil
        }
        if let refusal {
            waiter.resume(returning: .failure(HTTPFailure(refusal, mayHaveTakenEffect: false)))
        }
    }

    func cancel(_ ticket: Ticket) {
        // Before the lock: a submission that comes later must see it.
        ticket.isCancelled.store(true, ordering: .sequentiallyConsistent)
        state.withLock { state in
            guard state.unanswered.contains(ticket.id) else { return }
            state.mail.cancelled.append(ticket.id)
            state.ring()
        }
    }

    func stop() {
        state.withLock { state in
            state.mail.stop = true
            state.ring()
        }
    }

    /// Has a part of a task run on the loop's thread; elsewhere once the loop was stopped, since
    /// the task goes on.
    func run(_ job: UnownedJob) {
        let isTaken = state.withLock { state in
            guard state.bell != nil, !state.mail.stop else { return false }
            state.mail.jobs.append(job)
            state.ring()
            return true
        }
        if !isTaken { Self.runElsewhere(job) }
    }

    static func runElsewhere(_ job: UnownedJob) {
        globalConcurrentExecutor.enqueue(ExecutorJob(job))
    }

    // MARK: For the loop thread

    /// The loop begins, on the thread that calls.
    func begin() { state.withLock { $0.thread = pthread_self() } }

    /// Whether something came in since the last ``take()``.
    var hasMail: Bool {
        state.withLock { state in
            !state.mail.submissions.isEmpty || !state.mail.cancelled.isEmpty
                || !state.mail.jobs.isEmpty || state.mail.stop
        }
    }

    func take() -> Mail {
        state.withLock { state in
            defer { state.mail = Mail(stop: state.mail.stop) }
            return state.mail
        }
    }

    /// From here on the caller has its answer, and a late cancellation changes nothing.
    func answered(_ id: UInt64) {
        state.withLock { _ = $0.unanswered.remove(id) }
    }

    /// - Returns: what came in after the last ``take()``. Nothing rings the bell any more.
    func close() -> Mail {
        state.withLock { state in
            defer {
                state.mail = Mail(stop: true)
                state.bell = nil
            }
            return state.mail
        }
    }
}

/// Wakes the loop thread. `curl_multi_wakeup` is the one call on a multi handle that any thread
/// may make (libcurl, curl_multi_wakeup), so this much of the handle may be shared.
struct Bell: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer

    init(_ multi: UnsafeMutableRawPointer) { self.multi = multi }
    func ring() { curl_multi_wakeup(multi) }
}
