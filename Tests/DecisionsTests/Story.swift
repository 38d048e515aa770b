import Decisions
import Testing

/// Plays a sidecar's life: tells the state machine what happened and keeps what it answered.
struct Story {
    var retirement: Retirement
    var now: Instant = .origin
    /// How long it has lasted.
    var age: Duration { now - .origin }
    /// Everything said so far, timers left out.
    var said: [Step] = []
    /// Of each report and reservation: whether it was an agent's first word. Left out of what was
    /// said, since nearly every story has one.
    private(set) var freshness: [Bool] = []
    var wakeAt: Instant?

    init(_ settings: Retirement.Settings = .init()) { retirement = Retirement(settings) }

    /// - Returns: the directives of this one observation, timers left out.
    @discardableResult
    mutating func tell(_ observation: Observation, after pause: Duration = .zero) -> [Directive] {
        now += pause
        let steps = retirement.observe(observation, at: now)
        wakeAt = nil
        var directives: [Directive] = []
        for step in steps {
            if case .wakeAt(let instant) = step.directive {
                #expect(instant > now, "a timer in the past would spin")
                wakeAt = instant
            } else {
                let directive = plain(step.directive)
                said.append(Step(directive, step.reason))
                directives.append(directive)
            }
        }
        return directives
    }

    private mutating func plain(_ directive: Directive) -> Directive {
        switch directive {
        case .ledger(.report(let job, let over, let isFresh, let isPlain)):
            freshness.append(isFresh)
            // The jobs of a plain report are those that it ends.
            return .ledger(.report(job, over: isPlain ? [] : over))
        case .ledger(.reserve(let aboveSize, let isFresh)):
            freshness.append(isFresh)
            return .ledger(.reserve(aboveSize: aboveSize))
        default: return directive
        }
    }

    /// Lets the timer that was asked for fire.
    @discardableResult
    mutating func sleepUntilTimer() throws -> [Directive] {
        let instant = try #require(wakeAt, "no timer was asked for")
        return tell(.woke, after: instant - now)
    }

    /// Answers a report that was just made, as a ledger does that can be reached.
    mutating func answerReport() {
        guard case .ledger(.report(let job, _, _, _)) = said.last?.directive else { return }
        tell(.booked(.reported(job), sizeChanged: false))
    }

    /// How often a directive was given.
    func count(_ directive: Directive) -> Int {
        said.count { $0.directive == directive }
    }

    var operations: [LedgerOperation] {
        said.compactMap { step in
            if case .ledger(let operation) = step.directive { operation } else { nil }
        }
    }

    // MARK: Beginnings

    /// A protected task whose agent waits for its first job.
    static func idle(_ settings: Retirement.Settings = .init()) -> Story {
        var story = Story(settings)
        story.tell(.woke)
        story.tell(.protection(.protected(for: .seconds(7_200))))
        story.tell(.linked)
        story.tell(.agent(.registered(id: "agent-1")))
        story.tell(.agent(.waiting))
        return story
    }

    /// An agent that received a job, as the ledger knows.
    static func busy(_ job: Job, _ settings: Retirement.Settings = .init()) -> Story {
        var story = idle(settings)
        story.tell(.agent(.received(job)))
        story.tell(.booked(.reported(job), sizeChanged: false))
        return story
    }

    /// An idle agent with a reservation that was told to drain.
    static func draining() throws -> Story {
        var story = idle()
        while story.retirement.phase != .reserving {
            if try story.sleepUntilTimer().contains(.protect) {
                story.tell(.protection(.protected(for: .seconds(7_200))))
            }
            if story.said.last?.directive.isCompare == true { story.tell(.compared(nil)) }
        }
        story.tell(.booked(.reserve(.granted(.surplus)), sizeChanged: false))
        return story
    }
}

extension Directive {
    var isCompare: Bool { if case .compare = self { true } else { false } }
}
