import Decisions
package import Rules
import Telemetry

/// Reads what the programs wrote, and judges it by the rule book. Lines are evidence of those who
/// wrote them: what none of them could see is not judged, and said to be so.
package struct Auditor: Sendable {
    private var lines: [ToldLine] = []
    private var facts: [(at: Int, fact: Fact)] = []
    private var unread = 0

    package init() {}

    /// - Parameter text: lines of one or several logs, in any order.
    package mutating func read(_ text: String) {
        for line in text.split(separator: "\n") {
            if let told = ToldLine(line) { lines.append(told) } else { unread += 1 }
        }
    }

    /// States what somebody else saw, who was there: ECS's own answers, or what there was at the end.
    ///
    /// - Parameter at: as lines have their times, in milliseconds since 1970.
    package mutating func state(_ fact: Fact, at: Int) { facts.append((at, fact)) }

    /// What all that was read comes to.
    package func audit() -> Audit {
        // Of the same millisecond in the order in which they were read: one program's lines are in
        // order, and what two programs did within one nobody can order.
        let ordered = lines.enumerated().sorted {
            ($0.element.at.milliseconds, $0.offset) < ($1.element.at.milliseconds, $1.offset)
        }.map(\.element)
        var court = Court(ordered)
        var stories = Stories()
        var seen = facts.sorted { $0.at < $1.at }[...]
        for line in ordered {
            while let next = seen.first, next.at < line.at.milliseconds {
                court.hear(next.fact, at: next.at)
                seen.removeFirst()
            }
            court.hear(line)
            stories.hear(line)
        }
        for next in seen { court.hear(next.fact, at: next.at) }
        return Audit(
            lines: lines.count,
            unread: unread,
            jobs: stories.jobs.values.sorted { ($0.order, $0.job) < ($1.order, $1.job) },
            tasks: court.tasksSeen.count,
            times: stories.times,
            findings: court.findings
        )
    }
}

/// What an audit found.
package struct Audit: Hashable, Sendable {
    /// Lines of the programs, and others.
    package let lines: Int
    package let unread: Int
    package let jobs: [JobStory]
    /// Tasks whose sidecar was seen to start.
    package let tasks: Int
    package let times: [PoolTime: Percentiles]
    /// Of every rule, in order.
    package let findings: [RuleVerdict]

    package var isBroken: Bool { findings.contains { $0.verdict == .broken } }
}

/// What the lines say of one rule.
package struct RuleVerdict: Hashable, Sendable {
    package enum Answer: String, Sendable {
        case held
        case broken
        case cannotTell = "cannot tell"
    }

    package let number: Int
    package let title: String
    package let verdict: Answer
    /// What it rests on: what was seen to break it, how much was judged, or what is not in any line.
    package let why: [String]
}

/// Collects what became of each job, and the times of the pool.
private struct Stories {
    var jobs: [Job: JobStory] = [:]
    private var measured: [PoolTime: [Double]] = [:]

    var times: [PoolTime: Percentiles] {
        var all = measured
        all[.wait] = jobs.values.compactMap(\.wait)
        all[.work] = jobs.values.compactMap(\.duration)
        return all.compactMapValues(Percentiles.init)
    }

    mutating func hear(_ line: ToldLine) {
        for time in PoolTime.allCases {
            guard let metric = time.metric, let value = line.value(metric) else { continue }
            measured[time, default: []].append(value)
        }
        guard let job = line.text(.job).flatMap({ Job(key: $0) }) else { return }
        let at = line.at.milliseconds
        switch line.event {
        case .jobAnnounced: with(job) { $0.announcedAt = $0.announcedAt ?? at }
        case .jobStarted:
            with(job) {
                $0.startedAt = $0.startedAt ?? at
                $0.task = line.text(.task).map { TaskID($0) }
            }
        case .jobEnded:
            with(job) {
                $0.endedAt = at
                // One that had its one job ends by itself, with code 0.
                $0.isLost = (line.number(.code) ?? 0) != 0
            }
        default: break
        }
    }

    private mutating func with(_ job: Job, _ change: (inout JobStory) -> Void) {
        change(&jobs[job, default: JobStory(job)])
    }
}

extension JobStory {
    /// By when it was first heard of.
    fileprivate var order: Int64 { announcedAt ?? startedAt ?? endedAt ?? 0 }
}
