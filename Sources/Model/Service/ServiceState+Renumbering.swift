extension ServiceState {
    /// The same service with its tasks under other numbers, for a search that tells no two services
    /// apart which will do the same.
    ///
    /// - Parameters:
    ///   - number: the number of a task that is not started yet comes after ``last``.
    ///   - last: the number after which the next task is counted.
    package func renumbered(after last: Int = 0, _ number: (Int) -> Int = { $0 }) -> ServiceState {
        var other = self
        other.members = [:]
        other.memberNumber = last
        other.earliestExpiry = .max
        for index in other.deployments.indices { other.deployments[index].free = [] }
        let numbers = members.keys.map { (new: number($0), old: $0) }.sorted { $0.new < $1.new }
        for (new, old) in numbers {
            guard var member = members[old] else { continue }
            let isFree = member.place != nil
            member.place = nil
            other.members[new] = member
            if isFree { other.list(new) }
            if member.protectedUntil > 0 {
                other.earliestExpiry = min(other.earliestExpiry, member.protectedUntil)
            }
        }
        return other
    }

    /// Whether a task was started from a deployment that was the primary one no more.
    package func isLate(_ number: Int) -> Bool { members[number]?.isLate ?? false }
}
