import AgentLink
import Glibc
import Synchronization

/// Passes one stream of the agent's output on, on a thread of its own: everything, unchanged and in
/// order, and never waiting for the sidecar. If nobody can take the output any more it is read all
/// the same, so that the agent is neither blocked nor killed by a closed pipe.
///
/// Status lines keep their order within a stream. Between stdout and stderr there is none, as with
/// any two pipes; the agent's core writes all of them to one.
final class OutputPump: Sendable {
    private let source: Int32
    private let destination: Int32
    private let mailbox: StatusMailbox
    private let bytesRead = Atomic<Int>(0)
    private let bytesDone = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)

    /// Stays in a core's second level cache between the read, the scan and the write.
    private static let bufferBytes = 128 * 1024

    /// The pump's frames are small; the default of 8 MiB would be address space for nothing.
    private static let stackBytes = 256 * 1024

    /// F_SETPIPE_SZ, which Swift's Glibc module leaves out.
    private static let setPipeSize: Int32 = 1031

    /// The most that an unprivileged process may ask for (/proc/sys/fs/pipe-max-size by default):
    /// what the agent can write while the launcher is not scheduled. Refused without harm.
    private static let pipeBytes: Int32 = 1 << 20

    private init(from source: Int32, to destination: Int32, mailbox: StatusMailbox) {
        self.source = source
        self.destination = destination
        self.mailbox = mailbox
    }

    /// Not before the main thread has let the pump go too: it asks the pipe how full it is.
    deinit { close(source) }

    /// Opens a pipe and starts to pass on what is written to it.
    ///
    /// - Parameters:
    ///   - destination: Our own stdout or stderr.
    ///   - mailbox: Where status lines go.
    /// - Returns: The pump, and the end for the agent, the caller's to close.
    /// - Throws: Exit code 125: without a pump the agent would block.
    static func open(
        to destination: Int32,
        mailbox: StatusMailbox
    ) throws(LaunchFailure) -> (pump: OutputPump, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .callFailed("pipe") }
        Descriptor.closeOnExec(ends[0])
        Descriptor.closeOnExec(ends[1])
        _ = fcntl(ends[0], setPipeSize, pipeBytes)
        let pump = OutputPump(from: ends[0], to: destination, mailbox: mailbox)
        try pump.start()
        return (pump, ends[1])
    }

    /// How far the pump is, for a look from the main thread.
    struct Progress: Equatable {
        /// The pipe's other end is closed and everything is passed on.
        var isOver: Bool
        /// Nothing is on its way: the pipe is empty and what was read is passed on.
        var isEmpty: Bool
        /// Tells two looks with nothing in between from others.
        var bytesRead: Int
    }

    var progress: Progress {
        if isOver.load(ordering: .acquiring) {
            return Progress(isOver: true, isEmpty: true, bytesRead: 0)
        }
        let done = bytesDone.load(ordering: .acquiring)
        let read = bytesRead.load(ordering: .acquiring)
        var waiting: Int32 = 0
        let isEmpty = ioctl(source, UInt(FIONREAD), &waiting) == 0 && waiting == 0
        return Progress(isOver: false, isEmpty: isEmpty && read == done, bytesRead: read)
    }

    private func start() throws(LaunchFailure) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, OutputPump.stackBytes)
        let pump = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            &attributes,
            { argument in
                if let argument {
                    Unmanaged<OutputPump>.fromOpaque(argument).takeRetainedValue().run()
                }
                return nil
            },
            pump.toOpaque()
        )
        pthread_attr_destroy(&attributes)
        guard result == 0 else {
            pump.release()
            throw LaunchFailure(
                text: "pthread_create: " + Notice.errorText(result),
                exitCode: LaunchFailure.launcherFailed
            )
        }
        pthread_detach(thread)
    }

    private func run() {
        var filter = StatusLineFilter()
        withUnsafeTemporaryAllocation(
            byteCount: OutputPump.bufferBytes,
            alignment: MemoryLayout<Int>.alignment
        ) { buffer in
            while let piece = readPiece(into: buffer) {
                // Before the write: the sidecar learns of a job even while nobody reads the output.
                filter.feed(piece, mailbox.leave)
                pass(piece)
                bytesDone.add(piece.count, ordering: .releasing)
            }
        }
        filter.finish(mailbox.leave)
        isOver.store(true, ordering: .releasing)
        mailbox.ring()
    }

    /// The next piece, or nil at the end.
    private func readPiece(
        into buffer: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        while true {
            let count = read(source, buffer.baseAddress, buffer.count)
            if count > 0 {
                bytesRead.add(count, ordering: .releasing)
                return UnsafeRawBufferPointer(rebasing: buffer[..<count])
            }
            guard count < 0, errno == EINTR else { return nil }
        }
    }

    /// Writes a piece. A destination that fails loses the rest of this piece and no more: the next
    /// one is tried again, since a full disk may have room by then.
    private func pass(_ piece: UnsafeRawBufferPointer) {
        var rest = piece
        while !rest.isEmpty {
            let count = write(destination, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EAGAIN {
                // Whoever started us may have made a shared terminal or pipe non-blocking.
                var entry = pollfd(fd: destination, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}

/// Tells when all that an ended agent wrote has been passed on. Usually both pipes are closed at
/// once; a process that the agent left behind may hold them open for ever, and then they are taken
/// as done when nothing has come for a while.
struct OutputWatch {
    /// How often to look while a pipe is still open.
    static let lookEvery: MonotonicMilliseconds = 20

    /// How long nothing has to come: longer than a busy machine keeps a pump from its turn.
    private static let grace: MonotonicMilliseconds = 100

    private var last: [OutputPump.Progress] = []
    private var quietSince: MonotonicMilliseconds = 0

    /// Looks once.
    ///
    /// - Parameters:
    ///   - pumps: The agent's stdout and stderr.
    ///   - now: The time.
    /// - Returns: Whether everything is passed on.
    mutating func isSettled(_ pumps: [OutputPump], _ now: MonotonicMilliseconds) -> Bool {
        let progress = pumps.map(\.progress)
        if progress.allSatisfy(\.isOver) { return true }
        if progress != last || !progress.allSatisfy(\.isEmpty) {
            last = progress
            quietSince = now
        }
        return now - quietSince >= OutputWatch.grace
    }
}
