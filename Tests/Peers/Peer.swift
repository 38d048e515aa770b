import Dispatch
import FoundationEssentials
import Glibc

/// A program of this folder that a test talks to. It prints one JSON line when it is ready, and
/// ends when its standard input closes: with the test process, whatever becomes of that.
package final class Peer: Sendable {
    /// The ready line, as strings.
    package let ready: Ready
    private let process: TestProcess
    private let input: Int32

    package struct Ready: Decodable, Sendable {
        package let port: Int
        /// The file of the CA that signed the peer's certificate.
        package let ca: String?
    }

    package struct StartFailure: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter script: a Python file beside this one, run by the program that `TEST_PYTHON`
    ///   names, `python3` otherwise.
    package static func start(_ script: String, _ arguments: [String] = []) async throws -> Peer {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let python = getenv("TEST_PYTHON").map { String(cString: $0) } ?? "python3"
        let words = [python, "/\(folder)/\(script)"] + arguments
        return try await withCheckedThrowingContinuation { continuation in
            // Waits for the ready line, so not on one of Swift's few threads.
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Peer(words) })
            }
        }
    }

    private convenience init(_ words: [String]) throws {
        let (toPeer, fromPeer) = (try Self.pipe(), try Self.pipe())
        defer { close(fromPeer.read) }
        let process: TestProcess
        do {
            defer {
                close(toPeer.read)
                close(fromPeer.write)
            }
            process = try TestProcess(
                words,
                input: .descriptor(toPeer.read),
                output: .descriptor(fromPeer.write),
                errors: .descriptor(2)
            )
        } catch {
            close(toPeer.write)
            throw error
        }
        let line = Self.line(from: fromPeer.read)
        guard let ready = try? JSONDecoder().decode(Ready.self, from: Data(line)) else {
            close(toPeer.write)
            throw StartFailure(description: "\(words.joined(separator: " ")) did not get ready")
        }
        self.init(process, ready, toPeer.write)
    }

    private init(_ process: TestProcess, _ ready: Ready, _ input: Int32) {
        self.process = process
        self.ready = ready
        self.input = input
    }

    deinit { close(input) }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else {
            throw StartFailure(description: "pipe: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }

    private static func line(from descriptor: Int32) -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return line
    }
}

/// A peer that is started by the first test that needs it and serves all of them.
package actor SharedPeer {
    private let start: @Sendable () async throws -> Peer
    private var starting: Task<Peer, any Error>?

    package init(_ start: @escaping @Sendable () async throws -> Peer) { self.start = start }

    package var peer: Peer {
        get async throws {
            let starting = starting ?? Task { [start] in try await start() }
            self.starting = starting
            return try await starting.value
        }
    }
}
