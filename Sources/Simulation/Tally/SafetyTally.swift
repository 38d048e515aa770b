/// What worlds with faults come to, one or many of them.
package struct SafetyTally: Sendable {
    package internal(set) var worlds = 0
    package internal(set) var runs = 0
    package internal(set) var jobs = 0
    package internal(set) var events = 0
    /// How often each kind of fault was played.
    package internal(set) var played = Faults()
    /// Jobs that a fault itself took.
    package internal(set) var lostToOutside = 0
    /// Runs that never got an agent, though the service was not ended.
    package internal(set) var starved = 0
    /// Agents above the floor that stay for no reason.
    package internal(set) var leftOver = 0
    /// Agents that stay since their last line could not be read: unknown is busy.
    package internal(set) var kept = 0
    /// How often ECS was free to stop an agent since protection and ledger were both away.
    package internal(set) var bothAway = 0
    /// How often a deployment, or the end of the service, stopped an agent that was known to be
    /// unprotected.
    package internal(set) var takenBare = 0

    package mutating func add(_ other: SafetyTally) {
        worlds += other.worlds
        runs += other.runs
        jobs += other.jobs
        events += other.events
        played.add(other.played)
        lostToOutside += other.lostToOutside
        starved += other.starved
        leftOver += other.leftOver
        kept += other.kept
        bothAway += other.bothAway
        takenBare += other.takenBare
    }
}
