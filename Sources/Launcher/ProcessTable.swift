import Glibc

/// The processes of this PID namespace, as /proc shows them at one time.
struct ProcessTable {
    /// One process (proc_pid_stat(5)).
    struct Entry {
        let pid: pid_t
        let parent: pid_t
        let name: String
        /// Ended, and only waiting for its parent to take note.
        let isDead: Bool
        /// When it was started, in clock ticks since the machine's own start.
        let started: UInt64

        func isOlder(than other: Entry) -> Bool {
            (started, pid) < (other.started, other.pid)
        }
    }

    private var entries: [Entry] = []

    /// Reads /proc; nil if that cannot be done in full, since what is not seen may be a job.
    init?() {
        guard let directory = opendir("/proc") else { return nil }
        defer { closedir(directory) }
        errno = 0
        while let item = readdir(directory) {
            if let pid = ProcessTable.pid(of: item) {
                switch ProcessTable.entry(of: pid) {
                case .found(let entry): entries.append(entry)
                case .gone: break
                case .unreadable: return nil
                }
            }
            errno = 0
        }
        guard errno == 0 else { return nil }
    }

    /// The agent below the launcher: the topmost process that runs the agent's program, and the
    /// oldest if there are several, since an orphan of a job may call itself what it likes.
    func agent(below launcher: pid_t) -> Entry? {
        oldestAgent(among: entries.filter { $0.parent == launcher })
    }

    /// The same, but for orphans: the command itself or what is below it.
    func agent(of command: pid_t) -> Entry? {
        oldestAgent(among: entries.filter { $0.pid == command })
    }

    private func oldestAgent(among roots: [Entry]) -> Entry? {
        var oldest: Entry?
        var unseen = roots
        while let entry = unseen.popLast() {
            guard !entry.isDead, ProcessTable.runsAgent(entry) else {
                unseen += entries.filter { $0.parent == entry.pid }
                continue
            }
            if oldest.map(entry.isOlder) ?? true { oldest = entry }
        }
        return oldest
    }

    /// Whether any process below this one lives.
    func anyLives(below ancestor: pid_t) -> Bool {
        var parents = [ancestor]
        while let parent = parents.popLast() {
            for entry in entries where entry.parent == parent {
                if !entry.isDead { return true }
                parents.append(entry.pid)
            }
        }
        return false
    }

    /// How many descendants of the agent work for its jobs: those that live, are not the agent's own
    /// processes, and are not below one that is older than the agent's core, which does all jobs. A
    /// script that starts a server and then replaces itself by the agent leaves such a one. Nil if
    /// the agent itself is not to be seen.
    func jobProcesses(of agent: pid_t, agentName: String) -> Int? {
        guard entries.contains(where: { $0.pid == agent }) else { return nil }
        let core = oldestCore(of: agent)
        var count = 0
        var parents = [agent]
        while let parent = parents.popLast() {
            for entry in entries where entry.parent == parent {
                let isOwn = ProcessTable.isAgentsOwn(entry, agentName)
                if !isOwn, let core, entry.isOlder(than: core) { continue }
                parents.append(entry.pid)
                if !entry.isDead, !isOwn { count += 1 }
            }
        }
        return count
    }

    private func oldestCore(of agent: pid_t) -> Entry? {
        entries.filter { $0.parent == agent && !$0.isDead && ProcessTable.runsAgent($0) }
            .min { $0.isOlder(than: $1) }
    }

    /// What the names of the agent's programs begin with.
    static let agentPrefix = "tfc-agent"

    /// Whether a process runs one of the agent's programs, `tfc-agent` and `tfc-agent-core`. By the
    /// program's file: a script of that name is none. By the process's name if we may not know the
    /// file.
    private static func runsAgent(_ entry: Entry) -> Bool {
        (executableName(of: entry.pid) ?? entry.name).utf8.starts(with: agentPrefix.utf8)
    }

    /// The agent's supervisor starts `tfc-agent-core`. A program of the command's own name is the
    /// command itself once more, for example a wrapper's subshell.
    private static func isAgentsOwn(_ entry: Entry, _ agentName: String) -> Bool {
        if entry.name.utf8.starts(with: agentPrefix.utf8) { return true }
        if entry.name.utf8.elementsEqual(agentName.utf8.prefix(kernelNameBytes)) { return true }
        return executableName(of: entry.pid) == agentName
    }

    /// What the kernel keeps of a process's name (TASK_COMM_LEN without the NUL).
    private static let kernelNameBytes = 15

    private enum Lookup {
        case found(Entry)
        case gone
        case unreadable
    }

    private static func pid(of item: UnsafeMutablePointer<dirent>) -> pid_t? {
        withUnsafeBytes(of: &item.pointee.d_name) { name in
            pid_t(String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
        }
    }

    private static func entry(of pid: pid_t) -> Lookup {
        let file = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return isGone(errno) ? .gone : .unreadable }
        defer { close(file) }
        // The line's first fields are far shorter; the rest of it is not needed.
        var text = [UInt8](repeating: 0, count: 512)
        let count = read(file, &text, text.count)
        guard count > 0 else { return isGone(errno) ? .gone : .unreadable }
        return entry(of: pid, stat: text.prefix(count)).map { .found($0) } ?? .unreadable
    }

    /// `PID (NAME) STATE PARENT ... STARTED ...`, where the name may hold anything, brackets and
    /// spaces included: it ends at the last bracket.
    private static func entry(of pid: pid_t, stat text: ArraySlice<UInt8>) -> Entry? {
        guard let opening = text.firstIndex(of: UInt8(ascii: "(")),
            let closing = text.lastIndex(of: UInt8(ascii: ")")), opening < closing
        else { return nil }
        let fields = text[(closing + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        // The third field of all is the first one here, and the start is the 22nd.
        guard fields.count >= 20, let state = fields[0].first,
            let parent = pid_t(String(decoding: fields[1], as: UTF8.self)),
            let started = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        return Entry(
            pid: pid,
            parent: parent,
            name: String(decoding: text[(opening + 1)..<closing], as: UTF8.self),
            isDead: "ZXx".utf8.contains(state),
            started: started
        )
    }

    /// A process that ended while we looked: its directory is empty or missing then.
    private static func isGone(_ code: Int32) -> Bool {
        code == ENOENT || code == ESRCH
    }

    /// The file name of a process's program, or nil where we may not know it.
    private static func executableName(of pid: pid_t) -> String? {
        // CChar is signed on some machines and not on others; its bytes are the same.
        var target = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/\(pid)/exe", &target, target.count)
        guard count > 0 else { return nil }
        let path = target.withUnsafeBytes { Array($0.prefix(count)) }
        let slash = path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? path.startIndex
        return String(decoding: path[slash...], as: UTF8.self)
    }
}
