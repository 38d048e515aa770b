import Glibc

/// The pristine copy of what the agent's user could change, in a directory that only root gets into.
struct PristineStore: Sendable {
    private struct Copy: Sendable {
        let place: OwnPlace
        let name: EntryName
        /// The times of the directory that the place is in.
        let parent: FileStatus
    }

    /// At the top, where no user but root can make anything, as the survey shows.
    static let name = EntryName(".agent-launcher")
    private static let path = EntryName("/.agent-launcher")

    /// In the order in which they were found: a directory before what it holds.
    private var copies: [Copy] = []
    /// Whether there is room: a root that cannot be written to has nothing to be copied either.
    private let isThere: Bool

    /// Makes the directory.
    ///
    /// - Throws: `usedBefore` if it is there.
    init() throws(RenewalObstacle) {
        isThere = Self.path.withText { mkdir($0, 0o700) } == 0
        guard isThere else {
            if errno == EEXIST { throw .usedBefore }
            guard errno == EROFS else {
                throw .files("/.agent-launcher: " + String(cString: strerror(errno)))
            }
            return
        }
        do throws(FileFault) {
            let directory = try Self.open()
            defer { close(directory) }
            // Whatever this process's own mask is.
            guard fchmod(directory, 0o700) == 0 else { throw .failed("fchmod", Self.path) }
        } catch {
            throw .files(error.text)
        }
    }

    static func open() throws(FileFault) -> Int32 {
        try TreeCursor.opened(path)
    }

    /// Copies what is there, and compares the copy with it: what cannot be copied exactly could not
    /// be put back.
    mutating func keep(_ places: [OwnPlace], _ budget: inout WorkBudget) throws(FileFault) {
        guard !places.isEmpty else { return }
        guard isThere else {
            throw FileFault(kind: .notUnderstood, text: "/ cannot be written to")
        }
        let directory = try Self.open()
        defer { close(directory) }
        for (number, place) in places.enumerated() {
            let copy = Copy(
                place: place,
                name: EntryName(String(number)),
                parent: try Self.parentStatus(of: place)
            )
            let parent = try place.openParent()
            defer { close(parent) }
            let original = (directory: parent, name: place.name)
            let kept = (directory: directory, name: copy.name)
            try TreeCopy.perform(.copy, original, kept, &budget)
            try TreeCopy.perform(.compare, original, kept, &budget)
            copies.append(copy)
        }
    }

    private static func parentStatus(of place: OwnPlace) throws(FileFault) -> FileStatus {
        let parent = try place.openParent()
        defer { close(parent) }
        return try FileStatus.of(parent, "")
    }

    /// Makes everything as it was, where nothing is.
    func putBack(_ budget: inout WorkBudget) throws(FileFault) {
        guard !copies.isEmpty else { return }
        let directory = try Self.open()
        defer { close(directory) }
        for copy in copies {
            let parent = try copy.place.openParent()
            defer { close(parent) }
            let kept = (directory: directory, name: copy.name)
            let place = (directory: parent, name: copy.place.name)
            try TreeCopy.perform(.copy, kept, place, &budget)
            try TreeCopy.perform(.compare, kept, place, &budget)
        }
        for copy in copies {
            let parent = try copy.place.openParent()
            defer { close(parent) }
            var times = EntryPair.times(copy.parent)
            guard futimens(parent, &times) == 0 else { throw .failed("futimens", copy.place.name) }
        }
    }
}
