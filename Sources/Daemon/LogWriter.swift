internal import Glibc
internal import Synchronization

/// Writes lines to a descriptor, and never waits for whoever reads there.
///
/// A line goes out at once wherever that cannot block. Where it can, since the reader has stopped,
/// lines queue up and a thread of their own brings them out once somebody reads again; what the
/// queue has no room for is dropped and counted, and the count is said after the lines that were
/// kept.
package final class LogWriter: Sendable {
    private struct Queue {
        /// Whole lines, but for the first one, of which some may be written already.
        var bytes: ArraySlice<UInt8> = []
        var lost = 0
        var hasThread = false
    }

    private let descriptor: Int32
    private let limitBytes: Int
    private let lossLine: @Sendable (Int) -> String
    private let queue = Mutex(Queue())

    /// Hours of a sidecar, or a busy endpoint's seconds while a log driver starts again.
    package static let limitBytes = 1 << 20

    /// What a pipe takes without blocking once `poll` says that it takes anything: it counts in
    /// pages (pipe(7)). That nobody else writes there at that moment is so for a container's log.
    private static let pieceBytes = 4_096

    /// - Parameters:
    ///   - descriptor: stays the caller's.
    ///   - limitBytes: what may wait.
    ///   - lossLine: the line that says how many were lost, its newline included.
    package init(
        _ descriptor: Int32,
        limitBytes: Int = LogWriter.limitBytes,
        lossLine: @escaping @Sendable (Int) -> String
    ) {
        self.descriptor = descriptor
        self.limitBytes = limitBytes
        self.lossLine = lossLine
    }

    /// - Parameter line: with its newline.
    package func write(_ line: String) {
        queue.withLock { queue in
            guard queue.bytes.count + line.utf8.count <= limitBytes else {
                queue.lost += 1
                return
            }
            queue.bytes += line.utf8
            drain(&queue)
            if !queue.bytes.isEmpty { startThread(&queue) }
        }
    }

    /// Brings out what waits, for a program that is about to end.
    ///
    /// - Parameter limit: how long a reader may take who does not read.
    package func flush(within limit: Duration) {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while hasMore() {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return }
            _ = isWritable(within: left)
        }
    }

    /// Writes what can be written at once.
    ///
    /// - Returns: whether something is left.
    private func hasMore() -> Bool {
        queue.withLock { queue in
            drain(&queue)
            return !queue.bytes.isEmpty
        }
    }

    private func drain(_ queue: inout Queue) {
        while !queue.bytes.isEmpty {
            guard isWritable(within: .zero) else { return }
            let piece = queue.bytes.prefix(Self.pieceBytes)
            let end = piece.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? piece.endIndex
            let count = piece[..<end].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else {
                // A closed log must not end the program that protects the task.
                queue.bytes = []
                return
            }
            queue.bytes = queue.bytes.dropFirst(count)
            if queue.bytes.isEmpty {
                // Not a slice of an ever longer past.
                queue.bytes = queue.lost > 0 ? ArraySlice(lossLine(queue.lost).utf8) : []
                queue.lost = 0
            }
        }
    }

    private func isWritable(within time: Duration) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let (seconds, attoseconds) = time.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        return poll(&entry, 1, Int32(clamping: time > .zero ? max(1, milliseconds) : 0)) > 0
    }

    /// It lives for as long as something waits.
    private func startThread(_ queue: inout Queue) {
        guard !queue.hasThread else { return }
        let writer = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument {
                    Unmanaged<LogWriter>.fromOpaque(argument).takeRetainedValue().bringOut()
                }
                return nil
            },
            writer.toOpaque()
        )
        guard result == 0 else {
            // The next line tries again.
            writer.release()
            return
        }
        pthread_detach(thread)
        queue.hasThread = true
    }

    private func bringOut() {
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&entry, 1, -1)
            let isDone = queue.withLock { queue in
                drain(&queue)
                if queue.bytes.isEmpty { queue.hasThread = false }
                return queue.bytes.isEmpty
            }
            if isDone { return }
        }
    }
}

/// Writes one message to standard error as it is: for a person who starts the program, before
/// there is a log.
package func complain(_ message: String) {
    let bytes = Array((message + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
