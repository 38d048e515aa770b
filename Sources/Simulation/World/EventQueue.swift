/// Milliseconds of virtual time since a world began, or a length of it.
package typealias Milliseconds = Int

extension Int {
    /// `n.seconds` in ``Milliseconds``.
    var seconds: Milliseconds { self * 1_000 }
    /// `n.minutes` in ``Milliseconds``.
    var minutes: Milliseconds { self * 60_000 }
    /// `n.hours` in ``Milliseconds``.
    var hours: Milliseconds { self * 3_600_000 }
}

/// What is going to happen, in order of time; of two things at the same moment the one that was
/// planned first happens first, so that a seed has one story.
struct EventQueue {
    private struct Entry {
        let at: Milliseconds
        let order: Int
        let action: () -> Void

        func precedes(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var order = 0

    var count: Int { entries.count }

    mutating func add(at: Milliseconds, _ action: @escaping () -> Void) {
        let entry = Entry(at: at, order: order, action: action)
        order += 1
        var index = entries.count
        entries.append(entry)
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry.precedes(entries[parent]) else { break }
            entries[index] = entries[parent]
            index = parent
        }
        entries[index] = entry
    }

    /// - Returns: the next thing and when it happens; nil when nothing is left.
    mutating func next() -> (at: Milliseconds, action: () -> Void)? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else { return (last.at, last.action) }
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) {
                child += 1
            }
            guard entries[child].precedes(last) else { break }
            entries[index] = entries[child]
            index = child
        }
        entries[index] = last
        return (first.at, first.action)
    }

    mutating func removeAll() { entries.removeAll() }
}
