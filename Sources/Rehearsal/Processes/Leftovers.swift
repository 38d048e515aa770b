import FoundationEssentials
import Glibc

/// Finds processes by a marker in their environment, which children and their children inherit
/// whatever process group or session they choose. Only processes started by one rehearsal carry
/// its marker, so nobody else's can be hit.
enum Leftovers {
    /// The whole rehearsal's marker variable, and the one of a single container.
    static let rehearsalName = "REHEARSAL_ID"
    static let containerName = "REHEARSAL_CONTAINER"

    /// Kills every process whose environment has `name` set to `marker`, again until none is
    /// left: one may have been about to start another.
    static func kill(_ name: String = containerName, marker: String?) {
        guard let marker, !marker.isEmpty else { return }
        for _ in 0..<50 {
            let found = processes(with: "\(name)=\(marker)")
            if found.isEmpty { return }
            for pid in found { Glibc.kill(pid, SIGKILL) }
            usleep(2000)
        }
    }

    static func processes(with entry: String) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter {
            $0 != getpid() && has(Int($0), entry)
        }
    }

    /// Whether the process was started with `entry` in its environment.
    static func has(_ pid: Int, _ entry: String) -> Bool {
        let wanted = Array(entry.utf8)
        let environment = bytes("/proc/\(pid)/environ") ?? []
        return environment.split(separator: 0).contains { $0.elementsEqual(wanted) }
    }

    /// Whether the process exists and runs: a zombie that nobody has collected yet does not.
    static func isAlive(_ pid: Int) -> Bool {
        guard let stat = bytes("/proc/\(pid)/stat"),
            // The name before the state may hold spaces and parentheses.
            let nameEnd = stat.lastIndex(of: UInt8(ascii: ")")), nameEnd + 2 < stat.count
        else { return false }
        return stat[nameEnd + 2] != UInt8(ascii: "Z") && stat[nameEnd + 2] != UInt8(ascii: "X")
    }

    /// Files in /proc have no size, so they are read to their end.
    private static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return count == 0 ? content : nil }
            content += chunk[..<count]
        }
    }
}
