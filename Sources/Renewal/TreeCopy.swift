import Glibc

/// Copies a tree exactly, or says in what it cannot: owner, rights, access lists, a user's attributes,
/// times of change, and contents. And compares two. To be used only while nobody else is there.
struct TreeCopy: ~Copyable {
    /// What is done with each pair of entries.
    enum Purpose {
        /// The second tree is made from the first.
        case copy
        /// Nothing is changed; a difference is a fault. Contents are not read: whoever compares has
        /// just written them.
        case compare
    }

    private struct Level {
        let name: EntryName
        var directories: [EntryName]
    }

    private let purpose: Purpose
    private var source: TreeCursor
    private var target: TreeCursor
    private var budget: WorkBudget

    /// Copies or compares an entry and all below it.
    ///
    /// - Parameters:
    ///   - purpose: What is to be done.
    ///   - source: The open directory that the first tree's top is in, and its name there.
    ///   - target: The same for the second.
    ///   - budget: What may be spent.
    static func perform(
        _ purpose: Purpose,
        _ source: (directory: Int32, name: EntryName),
        _ target: (directory: Int32, name: EntryName),
        _ budget: inout WorkBudget
    ) throws(FileFault) {
        try budget.spend()
        let pair = EntryPair(
            source: source.directory,
            sourceName: source.name,
            target: target.directory,
            targetName: target.name
        )
        let status = try source.name.status(in: source.directory)
        guard status.kind == .directory else { return try pair.handle(purpose, status) }
        if purpose == .copy { try pair.makeDirectory() }
        var copy = TreeCopy(
            purpose: purpose,
            source: try TreeCursor.at(source.directory, source.name),
            target: try TreeCursor.at(target.directory, target.name),
            budget: budget
        )
        try copy.run()
        budget = copy.budget
        try pair.handle(purpose, status)
    }

    private mutating func run() throws(FileFault) {
        var levels = [Level(name: EntryName("."), directories: try handleAll())]
        while let top = levels.indices.last {
            if let next = levels[top].directories.popLast() {
                if purpose == .copy { try pair(next).makeDirectory() }
                try source.descend(next)
                try target.descend(next)
                levels.append(Level(name: next, directories: try handleAll()))
                continue
            }
            let done = levels.removeLast()
            guard !levels.isEmpty else { return }
            try source.ascend()
            try target.ascend()
            // Last: what is made in a directory changes its times.
            let pair = pair(done.name)
            try pair.handle(purpose, try done.name.status(in: source.descriptor))
        }
    }

    private func pair(_ name: EntryName) -> EntryPair {
        EntryPair(
            source: source.descriptor,
            sourceName: name,
            target: target.descriptor,
            targetName: name
        )
    }

    /// Handles what is no directory, and gives back what is one.
    private mutating func handleAll() throws(FileFault) -> [EntryName] {
        var names: [EntryName] = []
        var left = budget
        try DirectoryReader.forEach(source.descriptor) { name, _ throws(FileFault) in
            try left.spend()
            names.append(EntryName(name))
        }
        budget = left
        if purpose == .compare { try requireCount(names.count) }
        var directories: [EntryName] = []
        for name in names {
            let status = try name.status(in: source.descriptor)
            guard status.mount == source.mount else {
                throw FileFault(kind: .notUnderstood, text: name.shown + " is a mount")
            }
            if status.kind == .directory {
                directories.append(name)
            } else {
                try pair(name).handle(purpose, status)
            }
        }
        return directories
    }

    private func requireCount(_ count: Int) throws(FileFault) {
        var found = 0
        try DirectoryReader.forEach(target.descriptor) { _, _ throws(FileFault) in found += 1 }
        guard found == count else {
            throw FileFault(
                kind: .notUnderstood,
                text: "a directory has \(found) entries, not \(count)"
            )
        }
    }
}

extension EntryName {
    func status(in directory: Int32) throws(FileFault) -> FileStatus {
        let result = withText { name in
            Result { () throws(FileFault) in try FileStatus.of(directory, name) }
        }
        return try result.get()
    }
}
