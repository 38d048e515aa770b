import Synchronization
import Decisions
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
            // Launchers first: one whose agent is gone may end by itself, as if nothing were amiss.
            for pid in found.compactMap(launcher) + found { Glibc.kill(pid, SIGKILL) }
            usleep(2000)
        }
    }

    static func processes(with entry: String) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter {
            $0 != getpid() && has(Int($0), entry)
        }
    }

    /// The launcher that started a process. It overwrites the environment that it was started with,
    /// so that no run can read it, and shows no marker of its own.
    private static func launcher(of pid: pid_t) -> pid_t? {
        guard let fields = fieldsAfterName(Int(pid)), fields.count > 1,
            let parent = pid_t(String(decoding: fields[1], as: UTF8.self)),
            contents(of: "/proc/\(parent)/comm") == Array("agent-launcher\n".utf8)
        else { return nil }
        return parent
    }

    /// Whether the process was started with `entry` in its environment.
    static func has(_ pid: Int, _ entry: String) -> Bool {
        let wanted = Array(entry.utf8)
        let environment = contents(of: "/proc/\(pid)/environ") ?? []
        return environment.split(separator: 0).contains { $0.elementsEqual(wanted) }
    }

    /// Whether the process exists and runs: a zombie that nobody has collected yet does not.
    static func isAlive(_ pid: Int) -> Bool {
        guard let state = fieldsAfterName(pid)?.first?.first else { return false }
        return state != UInt8(ascii: "Z") && state != UInt8(ascii: "X")
    }

    /// When the process was started, in clock ticks since the machine's start: tells it from a later
    /// one of the same number. Nil when there is none.
    static func start(of pid: Int) -> UInt64? {
        // The 22nd field of all (proc_pid_stat(5)); the name is the second.
        guard let fields = fieldsAfterName(pid), fields.count > 19 else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// The number of a process in its own PID namespace (proc_pid_status(5)).
    static func ownNumber(of pid: Int) -> Int? {
        let line = contents(of: "/proc/\(pid)/status")?.split(separator: UInt8(ascii: "\n"))
            .first { $0.starts(with: "NSpid:".utf8) }
        let last = line?.split(separator: UInt8(ascii: "\t")).last
        return last.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
    }

    private static func fieldsAfterName(_ pid: Int) -> [ArraySlice<UInt8>]? {
        guard let stat = contents(of: "/proc/\(pid)/stat"),
            // The name may hold spaces and parentheses.
            let nameEnd = stat.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        return stat[(nameEnd + 1)...].split(separator: UInt8(ascii: " "))
    }

    /// Files in /proc have no size, so they are read to their end.
    static func contents(of path: String) -> [UInt8]? {
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

/// Which process is the agent of which task, as the agents said when they registered: the rules ask
/// the kernel whether it lives, not a protocol.
final class AgentProcesses: Sendable {
    /// Two rehearsals of one seed beside each other have tasks of the same names, and agents that in
    /// their containers have the same numbers: without it a fault of one would strike the other's agent.
    private let mark: String
    private let pids = Mutex<[TaskID: Int]>([:])

    /// - Parameter rehearsal: the marker of its processes.
    init(rehearsal: String) { mark = "\(Leftovers.rehearsalName)=\(rehearsal)" }

    /// - Parameter pid: as the agent sees itself, which in a container of its own is another number.
    func register(_ pid: Int, for task: TaskID) {
        let own = Leftovers.processes(with: mark).map { Int($0) }
            .first { isAgent($0, of: task) && Leftovers.ownNumber(of: $0) == pid }
        pids.withLock { $0[task] = own ?? pid }
    }

    func pid(of task: TaskID) -> Int? { pids.withLock { $0[task] } }

    func isAlive(_ task: TaskID) -> Bool {
        guard let pid = pids.withLock({ $0[task] }) else { return false }
        // The number may have been given to another process after the agent's end.
        return Leftovers.isAlive(pid) && isAgent(pid, of: task)
    }

    private func isAgent(_ pid: Int, of task: TaskID) -> Bool {
        Leftovers.has(pid, mark) && Leftovers.has(pid, "STAND_IN_TASK=\(task)")
    }
}

/// Processes whose parent is gone: a container's others when its first process was killed.
enum Orphans {
    /// Makes them children of this process, so that it can collect them; without that they would
    /// go to the machine's first process, which in a container often collects nothing.
    static func adopt() {
        // `prctl` is variadic in C, so it is looked up with the one shape that is needed.
        typealias Control = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        guard let function = dlsym(nil, "prctl") else { return }
        _ = unsafeBitCast(function, to: Control.self)(setChildSubreaper, 1, 0, 0, 0)
    }

    /// Collects all that have ended. Call it when no other thread waits for a child any more.
    static func collect() {
        var status: Int32 = 0
        // Killed processes need a moment to end.
        for _ in 0..<200 {
            let pid = waitpid(-1, &status, WNOHANG)
            if pid == -1 { return }
            if pid == 0 { usleep(1000) }
        }
    }

    /// `PR_SET_CHILD_SUBREAPER` of <linux/prctl.h>.
    private static let setChildSubreaper: Int32 = 36
}
