import Glibc

/// Where an entry is that the agent's user owns or may write. Nobody but root can change the way
/// there: the entries above it are neither.
struct OwnPlace: Hashable, Sendable {
    /// The directories from the root to the one that it is in.
    let path: [EntryName]
    let name: EntryName

    /// Opens the directory that it is in.
    func openParent() throws(FileFault) -> Int32 {
        var directory = try TreeCursor.open(AT_FDCWD, "/")
        for step in path {
            let above = directory
            defer { close(above) }
            let next = step.withText {
                openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
            guard next >= 0 else { throw .failed("openat", step) }
            directory = next
        }
        return directory
    }

    var shown: String { (path + [name]).map { "/" + $0.shown }.joined() }
}

/// What of the file tree the agent's user owns or may write, found by a walk over every mount that can
/// be written to.
struct Survey: Equatable, Sendable {
    /// In the container's own root, in the order in which they were found.
    var places: [OwnPlace] = []
    /// Other mounts whose top everybody may write to, as `/dev/shm`: they hold nothing.
    var openMounts: [EntryName] = []

    /// Why what was found cannot be renewed, as a sentence's end.
    struct Obstacle: Error, Equatable, Sendable {
        let text: String
    }

    /// What a place of the tree means for renewal.
    enum Finding: Equatable, Sendable {
        /// Not the user's, and not for the user to write.
        case foreign
        /// The user's, or for the user to write: it is taken.
        case own
        /// Only its access list can tell.
        case listed
        case obstacle(String)
    }

    /// Devices that keep nothing of what is written to them: null, zero, full, random, urandom; tty
    /// and ptmx, which are the writer's own (Linux's devices.txt).
    private static let forgetful: Set<FileStatus.Device> = Set(
        [3, 5, 7, 8, 9].map { FileStatus.Device(major: 1, minor: $0) }
            + [0, 2].map { FileStatus.Device(major: 5, minor: $0) }
    )

    /// O_PATH, which Swift's Glibc module leaves out: a mount's top may be anything.
    private static let pathOnly: Int32 = 0x20_0000

    static func finding(_ status: FileStatus, _ agent: AgentIdentity) -> Finding {
        switch (WriteAccess(status, for: agent), status.kind) {
        case (.none, _): .foreign
        case (.owner, .device), (.owner, .socket):
            .obstacle("is a device or a socket of the agent's user")
        case (.writer, .device), (.listed, .device):
            status.device.map(forgetful.contains) ?? false
                ? .foreign : .obstacle("is a device that the agent's user may write to")
        // What is written to either is gone with the processes, and neither can be changed.
        case (.writer, .fifo), (.writer, .socket), (.listed, .fifo), (.listed, .socket): .foreign
        case (.listed, _): .listed
        case (.owner, _), (.writer, _): .own
        }
    }

    /// Looks at all of them.
    ///
    /// - Parameters:
    ///   - mounts: What can be written to.
    ///   - agent: The agent's user.
    ///   - hidden: The launcher's own directory in the root, which is left out.
    ///   - budget: What may be spent.
    static func make(
        _ mounts: [MountTable.Mount],
        _ agent: AgentIdentity,
        hidden: EntryName,
        _ budget: inout WorkBudget
    ) throws(Obstacle) -> Survey {
        var survey = Survey()
        for mount in mounts {
            do throws(FileFault) {
                let opened = mount.point.withText { open($0, pathOnly | O_NOFOLLOW | O_CLOEXEC) }
                guard opened >= 0 else { throw .failed("open", mount.point) }
                defer { close(opened) }
                let top = try FileStatus.of(opened, "")
                guard top.mount != 0 else {
                    throw FileFault(kind: .notUnderstood, text: "the kernel names no mounts")
                }
                // Another mount lies over it: nobody can get at this one.
                guard top.mount == mount.id else { continue }
                var walk = SurveyWalk(agent: agent, hidden: hidden, budget: budget)
                try walk.look(at: mount, top)
                budget = walk.budget
                survey.places += walk.places
                survey.openMounts += walk.openMounts
            } catch {
                throw Obstacle(text: error.text)
            }
        }
        return survey
    }
}

/// A walk over one mount.
private struct SurveyWalk {
    private struct Level {
        let name: EntryName
        var directories: [EntryName]
    }

    let agent: AgentIdentity
    let hidden: EntryName
    var budget: WorkBudget
    var places: [OwnPlace] = []
    var openMounts: [EntryName] = []

    private static let root = EntryName("/")

    init(agent: AgentIdentity, hidden: EntryName, budget: WorkBudget) {
        self.agent = agent
        self.hidden = hidden
        self.budget = budget
    }

    mutating func look(at mount: MountTable.Mount, _ top: FileStatus) throws(FileFault) {
        let finding = Survey.finding(top, agent)
        guard top.kind == .directory else {
            guard finding == .foreign else {
                throw obstacle(mount.point, "is a mount of the agent's")
            }
            return
        }
        let cursor = try TreeCursor(TreeCursor.opened(mount.point))
        if finding == .foreign { return try walk(cursor, isRoot: mount.point == Self.root) }
        // Only root may change what is root's, but for attributes where no sticky bit is.
        guard mount.point != Self.root, top.user == 0, top.permissions & 0o1000 != 0,
            FileAttributes.areNone(cursor.descriptor)
        else {
            throw obstacle(mount.point, "is a mount that the agent's user owns or may change")
        }
        try DirectoryReader.forEach(cursor.descriptor) { name, _ throws(FileFault) in
            throw FileFault(
                kind: .notUnderstood,
                text: mount.point.shown + " can be written to by the agent and holds "
                    + EntryName(name).shown
            )
        }
        openMounts.append(mount.point)
    }

    private func obstacle(_ name: EntryName, _ what: String) -> FileFault {
        FileFault(kind: .notUnderstood, text: name.shown + " " + what)
    }

    private mutating func walk(
        _ cursor: consuming TreeCursor,
        isRoot: Bool
    ) throws(FileFault) {
        var levels = [
            Level(name: EntryName("."), directories: try lookAtAll(cursor, [], isRoot))
        ]
        while let top = levels.indices.last {
            if let next = levels[top].directories.popLast() {
                try cursor.descend(next)
                let path = levels.dropFirst().map(\.name) + [next]
                levels.append(
                    Level(name: next, directories: try lookAtAll(cursor, path, isRoot))
                )
                continue
            }
            levels.removeLast()
            if !levels.isEmpty { try cursor.ascend() }
        }
    }

    /// Takes what is the user's, and gives back the directories that are to be entered.
    private mutating func lookAtAll(
        _ cursor: borrowing TreeCursor,
        _ path: [EntryName],
        _ isRoot: Bool
    ) throws(FileFault) -> [EntryName] {
        var directories: [EntryName] = []
        var own: [OwnPlace] = []
        var left = budget
        let descriptor = cursor.descriptor
        let mount = cursor.mount
        try DirectoryReader.forEach(descriptor) { text, _ throws(FileFault) in
            try left.spend()
            let status = try FileStatus.of(descriptor, text)
            let name = EntryName(text)
            let isHidden = isRoot && path.isEmpty && name == hidden
            guard status.mount == mount, !isHidden else { return }
            switch Survey.finding(status, agent) {
            case .foreign where status.kind == .directory: directories.append(name)
            case .foreign: break
            case .obstacle(let what): throw obstacle(name, what)
            case .own: own.append(OwnPlace(path: path, name: name))
            case .listed:
                let list = try FileAttributes.accessList(descriptor, name)
                switch list.isEmpty ? false : WriteAccess.isGranted(by: list, to: agent) {
                case true?: own.append(OwnPlace(path: path, name: name))
                case false? where status.kind == .directory: directories.append(name)
                case false?: break
                case nil: throw obstacle(name, "has an access list that is not understood")
                }
            }
        }
        budget = left
        if !isRoot, let place = own.first {
            throw obstacle(place.name, "on a volume is the agent's, or for the agent to write")
        }
        places += own
        return directories
    }
}

extension TreeCursor {
    /// Opens a mount's top.
    static func opened(_ point: EntryName) throws(FileFault) -> Int32 {
        let opened = point.withText {
            Glibc.open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard opened >= 0 else { throw .failed("open", point) }
        return opened
    }
}
