import CLibcurl

/// The loop of the one thread that owns every handle.
final class CurlLoop {
    private let multi: UnsafeMutableRawPointer
    private let mailbox: Mailbox
    private let configuration: CurlConfiguration
    private let authorities: Authorities?
    /// TLS sessions, which a new connection takes up again: each request has a handle of its own,
    /// and a handle's go with it. Only this thread uses it, so it needs no locks.
    private let sessions: UnsafeMutableRawPointer?
    private let executor: CurlExecutor
    private var live: [UInt64: (transfer: Transfer, waiter: Waiter)] = [:]
    private var ids: [UnsafeMutableRawPointer: UInt64] = [:]

    private typealias Waiter = CheckedContinuation<Transfer.Answer, Never>

    /// The mailbox and libcurl's own timers wake the loop; this is only how long it may sleep
    /// when neither has anything to say.
    private static let longestSleepMilliseconds: Int32 = 60_000

    init(
        _ multi: UnsafeMutableRawPointer,
        _ mailbox: Mailbox,
        _ configuration: CurlConfiguration,
        _ authorities: Authorities?,
        _ executor: CurlExecutor
    ) {
        self.multi = multi
        self.executor = executor
        sessions = share_tls_sessions()
        self.mailbox = mailbox
        self.configuration = configuration
        self.authorities = authorities
    }

    /// Runs until the mailbox says stop; by then every waiter has its answer and every handle is
    /// gone.
    func run() {
        mailbox.begin()
        while true {
            let mail = mailbox.take()
            for submission in mail.submissions { start(submission) }
            for id in mail.cancelled { abandon(id, .cancelled) }
            for job in mail.jobs {
                if mail.stop { Mailbox.runElsewhere(job) } else { executor.perform(job) }
            }
            if mail.stop { break }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collect()
            // Of what this thread itself puts there, no bell tells.
            guard !mailbox.hasMail else { continue }
            curl_multi_poll(multi, nil, 0, Self.longestSleepMilliseconds, nil)
        }
        for submission in mailbox.close().submissions { refuse(submission) }
        for id in live.keys.sorted() { abandon(id, .stopped) }
        curl_multi_cleanup(multi)
        curl_share_cleanup(sessions)
    }

    private func start(_ submission: Mailbox.Submission) {
        do throws(HTTPFailure) {
            let transfer = try Transfer(
                submission.request,
                configuration,
                authorities,
                sessions: sessions
            )
            live[submission.id] = (transfer, submission.waiter)
            ids[transfer.handle] = submission.id
            curl_multi_add_handle(multi, transfer.handle)
        } catch {
            mailbox.answered(submission.id)
            submission.waiter.resume(returning: .failure(error))
        }
    }

    private func refuse(_ submission: Mailbox.Submission) {
        mailbox.answered(submission.id)
        let failure = HTTPFailure(.stopped, mayHaveTakenEffect: false)
        submission.waiter.resume(returning: .failure(failure))
    }

    private func collect() {
        var remaining: Int32 = 0
        while let message = curl_multi_info_read(multi, &remaining) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle,
                let id = ids[handle]
            else { continue }
            // The message is libcurl's and goes with the handle.
            let result = message.pointee.data.result
            finish(id) { $0.answer(for: result) }
        }
    }

    private func abandon(_ id: UInt64, _ kind: HTTPFailure.Kind) {
        finish(id) {
            .failure(HTTPFailure(kind, mayHaveTakenEffect: $0.mayHaveTakenEffect))
        }
    }

    /// Takes a transfer off the tables and resumes its waiter, once, as the last thing.
    private func finish(_ id: UInt64, _ answer: (Transfer) -> Transfer.Answer) {
        guard let (transfer, waiter) = live.removeValue(forKey: id) else { return }
        mailbox.answered(id)
        let answer = answer(transfer)
        ids[transfer.handle] = nil
        curl_multi_remove_handle(multi, transfer.handle)
        waiter.resume(returning: answer)
    }
}

/// Runs parts of tasks on the thread of a ``CurlLoop``, one after the other, between its transfers.
final class CurlExecutor: TaskExecutor {
    private let mailbox: Mailbox

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    func enqueue(_ job: consuming ExecutorJob) { mailbox.run(UnownedJob(job)) }

    /// On the loop's thread.
    func perform(_ job: UnownedJob) { job.runSynchronously(on: asUnownedTaskExecutor()) }
}
