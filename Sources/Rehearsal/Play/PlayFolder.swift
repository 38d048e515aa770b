import FoundationEssentials
import Glibc

/// A rehearsal's temporary directory, and the mark by which its processes are found again.
struct PlayFolder: Sendable {
    let path: String
    /// Where logs go.
    let logs: String
    /// In the environment of every process of this rehearsal.
    let marker: String

    init(_ settings: PlaySettings) throws(PlayError) {
        var template = Array("/tmp/rehearsal-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw PlayError(description: "no directory could be made in /tmp: errno \(errno)")
        }
        path = template.withUnsafeBufferPointer { buffer in
            String(decoding: buffer.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        marker = String(path.dropFirst("/tmp/".count)) + "-\(getpid())"
        logs = settings.keep ?? path + "/logs"
        do {
            let files = FileManager.default
            try files.createDirectory(atPath: logs, withIntermediateDirectories: true)
            try files.createDirectory(atPath: image, withIntermediateDirectories: true)
            try files.createSymbolicLink(
                atPath: image + "/tfc-agent",
                withDestinationPath: settings.bin + "/stand-in-agent"
            )
        } catch {
            throw PlayError(description: "\(logs): \(error)")
        }
    }

    /// What the agent's image has at the front of its `PATH`.
    var image: String { path + "/image" }

    /// Ends every process of this rehearsal and removes its directory.
    func sweep() { Self.sweep(marker: marker, path: path) }

    static func sweep(marker: String, path: String) {
        Leftovers.kill(Leftovers.rehearsalName, marker: marker)
        try? FileManager.default.removeItem(atPath: path)
    }
}
