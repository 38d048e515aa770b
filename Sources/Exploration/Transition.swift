/// One thing that happens in a small world. A transition is data, so that a trace is.
package struct Transition: Hashable, Sendable {
    enum Kind: UInt8, CaseIterable {
        case tick
        case startTask
        case stopTasks
        case boot
        case failBoot
        case stopTask
        case killTask
        case edit
        case deploy
        case delete
        case call
        case endpoint
        case follow
        case receive
        case finish
        case exit
        case startAgent
        case failAgent
        case hear
        case drain
        case protect
        case unprotect
        case compare
        case deployments
        case watch
        case list
        case byItself
        case read
        case write
        case look
        case raise
        case project
        case startSweep
        case crash
        case restart
        case releaseLimit
        case aloneLimit
        case startLimit
        case age
        case bookingPasses
        case crashAgent
        case breakLink
        case connect
        case renew
        case spoil
    }

    /// How a call ends.
    enum Fate: UInt8, CaseIterable {
        case answered
        /// It took no effect, and the caller knows, or knows nothing.
        case failedBefore
        /// It took effect and nobody answered.
        case failedAfter
        /// It took no effect and nobody answered, so that the caller has to look.
        case lost
        /// ECS answered with what was true before the last change.
        case stale
        /// As failed before or after, and the look after it fails as well.
        case blind
    }

    let kind: Kind
    /// A task, a job, or the sweep, counted from 0.
    let who: UInt8
    let how: UInt8

    init(_ kind: Kind, _ who: Int = 0, how: Int = 0) {
        self.kind = kind
        self.who = UInt8(who)
        self.how = UInt8(how)
    }

    init(_ kind: Kind, _ who: Int = 0, _ fate: Fate) {
        self.init(kind, who, how: Int(fate.rawValue))
    }

    var fate: Fate { Fate(rawValue: how) ?? .answered }
    var index: Int { Int(who) }
}

/// The sweep, where a task is asked for.
let theSweep = 3
