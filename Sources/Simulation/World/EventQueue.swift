import Model

/// What is going to happen, in order of time; of two things at the same moment the one that was
/// planned first happens first, so that a seed has one story.
struct EventQueue {
    /// Holds no reference: a heap moves its entries about, and counting references there would
    /// cost half of a world's time.
    private struct Entry {
        let at: Milliseconds
        let order: Int
        let slot: Int

        func precedes(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var order = 0
    private var actions: [(() -> Void)?] = []
    private var freeSlots: [Int] = []

    var count: Int { entries.count }
    /// When the next thing happens.
    var nextAt: Milliseconds? { entries.first?.at }

    mutating func add(at: Milliseconds, _ action: @escaping () -> Void) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            actions[slot] = action
        } else {
            slot = actions.count
            actions.append(action)
        }
        let entry = Entry(at: at, order: order, slot: slot)
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

    /// Takes the next thing out; nil when nothing is left.
    mutating func next() -> (() -> Void)? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        if !entries.isEmpty { sink(last) }
        freeSlots.append(first.slot)
        let action = actions[first.slot]
        actions[first.slot] = nil
        return action
    }

    /// Puts an entry into the place that the first one left.
    private mutating func sink(_ entry: Entry) {
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) {
                child += 1
            }
            guard entries[child].precedes(entry) else { break }
            entries[index] = entries[child]
            index = child
        }
        entries[index] = entry
    }

    mutating func removeAll() {
        entries = []
        actions = []
        freeSlots = []
    }
}
