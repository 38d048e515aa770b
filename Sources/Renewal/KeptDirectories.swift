import Glibc

/// Directories that a renewal leaves as they are, because somebody asked for it: whatever a job puts
/// there, the next one finds.
package struct KeptDirectories: Sendable {
    let places: [OwnPlace]

    /// None.
    package init() { places = [] }

    /// - Parameter text: Absolute paths, a colon between two.
    /// - Returns: nil for anything else, for a path with an empty step, `.` or `..`, and for one that
    ///   lies in another.
    package init?(parsing text: String) {
        var places: [OwnPlace] = []
        for path in text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        {
            let steps = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                .map { String(decoding: Array($0), as: UTF8.self) }
            guard steps.count >= 2, steps[0].isEmpty,
                !steps.dropFirst().contains(where: { ["", ".", ".."].contains($0) })
            else { return nil }
            let names = steps.dropFirst().map { EntryName($0) }
            places.append(OwnPlace(path: Array(names.dropLast()), name: names[names.count - 1]))
        }
        let whole = places.map { $0.path + [$0.name] }
        for (index, path) in whole.enumerated() {
            for (other, otherPath) in whole.enumerated() where other != index {
                guard !otherPath.starts(with: path) else { return nil }
            }
        }
        self.places = places
    }

    /// The first that does not lie below something that the agent's user owns or may write, or whose
    /// own directory is not there: it could not be put back.
    func firstMisplaced(among own: [OwnPlace]) -> OwnPlace? {
        places.first { place in
            guard own.contains(where: { place.path.starts(with: $0.path + [$0.name]) }),
                let parent = try? place.openParent()
            else { return true }
            close(parent)
            return false
        }
    }

    /// Moves each that is a directory out of the way.
    ///
    /// - Parameter store: The launcher's own directory.
    /// - Returns: Which of them were moved.
    func moveAside(to store: Int32) -> [Int] {
        places.indices.filter { index in
            let place = places[index]
            guard let parent = try? place.openParent() else { return false }
            defer { close(parent) }
            guard (try? place.name.status(in: parent))?.kind == .directory else { return false }
            return KeptDirectories.move(parent, place.name, store, KeptDirectories.name(index))
        }
    }

    /// Moves them back, each in place of its pristine copy.
    ///
    /// - Throws: One has no place any more that it could be moved to.
    func moveBack(
        _ moved: [Int],
        from store: Int32,
        _ budget: inout WorkBudget
    ) throws(FileFault) {
        for index in moved {
            let place = places[index]
            let parent = try place.openParent()
            defer { close(parent) }
            let before = try FileStatus.of(parent, "")
            _ = try TreeRemoval.remove(parent, place.name, toleratesFull: false, &budget)
            guard KeptDirectories.move(store, KeptDirectories.name(index), parent, place.name)
            else { throw .failed("renameat", place.name) }
            var times = EntryPair.times(before)
            guard futimens(parent, &times) == 0 else { throw .failed("futimens", place.name) }
        }
    }

    private static func name(_ index: Int) -> EntryName { EntryName("kept-\(index)") }

    private static func move(
        _ from: Int32,
        _ name: EntryName,
        _ to: Int32,
        _ newName: EntryName
    ) -> Bool {
        name.withText { name in newName.withText { renameat(from, name, to, $0) } } == 0
    }
}
