import CLibcurl
import Glibc
import Synchronization

/// HTTP over libcurl: one thread for all requests of the process, which may run at the same
/// time and share connections.
///
/// Besides what its thread holds, it costs a few microseconds per request; nothing here blocks a
/// thread of Swift's pool. A task that does little but make requests may run on that thread
/// (``executor``): then no request wakes another thread, and no answer.
package final class CurlClient: HTTPClient {
    /// For tasks whose parts are short: while one runs, no transfer goes on.
    package let executor: any TaskExecutor
    private let mailbox: Mailbox
    /// Nil once joined.
    private let thread: Mutex<pthread_t?>

    /// - Throws: when this machine's libcurl cannot do what is needed; nothing was started.
    package init(_ configuration: CurlConfiguration = .init()) throws(CurlSetupFailure) {
        try CurlLibrary.prepare()
        try Self.check(configuration)
        var authorities: Authorities?
        if let more = configuration.moreAuthorities {
            authorities = try Authorities(more, besides: configuration.caBundlePath)
        }
        guard let multi = curl_multi_init() else { throw .noResources }
        multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maximumConnectionsKept)
        mailbox = Mailbox(Bell(multi))
        let executor = CurlExecutor(mailbox)
        self.executor = executor
        let loop = CurlLoop(multi, mailbox, configuration, authorities, executor)
        guard let started = Self.startThread({ loop.run() }) else {
            curl_multi_cleanup(multi)
            throw .noResources
        }
        thread = Mutex(started)
    }

    /// A client that is let go ends its thread, without waiting for it: this may be the thread.
    deinit {
        mailbox.stop()
        thread.withLock { thread in
            if let thread { pthread_detach(thread) }
            thread = nil
        }
    }

    /// What every request rests on, as it is loaded, with versions: `curl 7.88.1, OpenSSL 3.0.18,
    /// glibc 2.36`.
    package static let libraries = CurlLibrary.loaded

    package func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let checked = try CheckedRequest(request)
        let ticket = mailbox.ticket()
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { mailbox.submit(checked, ticket, $0) }
        } onCancel: {
            mailbox.cancel(ticket)
        }
        return try answer.get()
    }

    /// Fails every request under way and every later one with `stopped`, and returns when the
    /// thread and its connections are gone. May be called again.
    package func stop() {
        mailbox.stop()
        thread.withLock { thread in
            if let thread { pthread_join(thread, nil) }
            thread = nil
        }
    }

    private static func check(_ configuration: CurlConfiguration) throws(CurlSetupFailure) {
        let agent = configuration.userAgent.utf8
        guard !agent.isEmpty, agent.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw .badUserAgent
        }
        if let path = configuration.caBundlePath {
            guard access(path, R_OK) == 0 else { throw .unreadableCABundle(path: path) }
        }
    }

    /// Starts a thread that takes no signals. Those of the process are for the thread that waits
    /// for them, and a write to a closed connection must fail here, not end the process with
    /// SIGPIPE. Threads that libcurl starts for name lookups inherit this.
    private static func startThread(_ body: @escaping () -> Void) -> pthread_t? {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let context = Unmanaged.passRetained(ThreadBody(run: body)).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context
        )
        guard result == 0 else {
            Unmanaged<ThreadBody>.fromOpaque(context).release()
            return nil
        }
        return thread
    }
}

private final class ThreadBody {
    let run: () -> Void
    init(run: @escaping () -> Void) { self.run = run }
}
