import Glibc

/// Removes trees: whatever they hold, however deep they are, whatever their names are. To be used
/// only while nobody else is there who could change them.
struct TreeRemoval: ~Copyable {
    /// A directory that was entered; its subdirectories are still to be removed.
    private struct Level {
        let name: EntryName
        var directories: [EntryName]
    }

    private var cursor: TreeCursor
    private var budget: WorkBudget
    private let toleratesFull: Bool
    /// Whether all that was to be removed is.
    private var isComplete = true

    private init(_ cursor: consuming TreeCursor, _ budget: WorkBudget, _ toleratesFull: Bool) {
        self.cursor = cursor
        self.budget = budget
        self.toleratesFull = toleratesFull
    }

    /// Removes an entry and all below it.
    ///
    /// - Parameters:
    ///   - directory: The open directory that it is in.
    ///   - name: Its name there.
    ///   - toleratesFull: Whether what a full disk keeps from being removed is passed over.
    ///   - budget: What may be spent.
    /// - Returns: Whether all of it is gone.
    /// - Throws: What is left then is still there.
    static func remove(
        _ directory: Int32,
        _ name: EntryName,
        toleratesFull: Bool,
        _ budget: inout WorkBudget
    ) throws(FileFault) -> Bool {
        try budget.spend()
        switch name.withText({ unlinkat(directory, $0, 0) == 0 ? 0 : errno }) {
        case 0, ENOENT: return true
        case EISDIR: break
        case ENOSPC where toleratesFull, EDQUOT where toleratesFull: return false
        default: throw .failed("unlinkat", name)
        }
        let cursor = try TreeCursor.at(directory, name)
        guard try FileStatus.of(directory, "").mount == cursor.mount else {
            throw FileFault(kind: .notUnderstood, text: name.shown + " is a mount")
        }
        guard try empty(cursor, toleratesFull: toleratesFull, &budget) else { return false }
        return try removeDirectory(directory, name, toleratesFull: toleratesFull)
    }

    /// Removes all below a directory, and leaves itself.
    ///
    /// - Returns: Whether nothing is below it any more.
    static func empty(
        _ cursor: consuming TreeCursor,
        toleratesFull: Bool,
        _ budget: inout WorkBudget
    ) throws(FileFault) -> Bool {
        var removal = TreeRemoval(cursor, budget, toleratesFull)
        try removal.run()
        budget = removal.budget
        return removal.isComplete
    }

    private mutating func run() throws(FileFault) {
        var levels = [Level(name: EntryName("."), directories: try unlinkAll())]
        while let top = levels.indices.last {
            if let next = levels[top].directories.popLast() {
                try cursor.descend(next)
                levels.append(Level(name: next, directories: try unlinkAll()))
                continue
            }
            let done = levels.removeLast()
            guard !levels.isEmpty else { return }
            try cursor.ascend()
            let isGone = try Self.removeDirectory(
                cursor.descriptor,
                done.name,
                // Something in it may be left already.
                toleratesFull: toleratesFull,
                toleratesRest: !isComplete
            )
            if !isGone { isComplete = false }
        }
    }

    /// Unlinks what is no directory, and gives back what is one.
    private mutating func unlinkAll() throws(FileFault) -> [EntryName] {
        var directories: [EntryName] = []
        var budget = budget
        var isComplete = isComplete
        let descriptor = cursor.descriptor
        let toleratesFull = toleratesFull
        try DirectoryReader.forEach(descriptor) { name, isDirectory throws(FileFault) in
            try budget.spend()
            if isDirectory { return directories.append(EntryName(name)) }
            guard unlinkat(descriptor, name, 0) != 0 else { return }
            switch errno {
            // A filesystem need not tell the kind beforehand.
            case EISDIR: directories.append(EntryName(name))
            case ENOSPC where toleratesFull, EDQUOT where toleratesFull: isComplete = false
            default: throw .failed("unlinkat", name)
            }
        }
        self.budget = budget
        self.isComplete = isComplete
        return directories
    }

    private static func removeDirectory(
        _ directory: Int32,
        _ name: EntryName,
        toleratesFull: Bool,
        toleratesRest: Bool = false
    ) throws(FileFault) -> Bool {
        switch name.withText({ unlinkat(directory, $0, AT_REMOVEDIR) == 0 ? 0 : errno }) {
        case 0: return true
        case ENOSPC where toleratesFull, EDQUOT where toleratesFull: return false
        case ENOTEMPTY where toleratesRest: return false
        default: throw .failed("rmdir", name)
        }
    }
}
