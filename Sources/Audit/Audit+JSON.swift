internal import Decisions
package import FoundationEssentials

extension Audit {
    /// For programs.
    package func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(Shape(self))
    }

    private struct Shape: Encodable {
        let lines: Int
        let otherLines: Int
        let tasks: Int
        let jobs: [Story]
        let seconds: [String: Times]
        let rules: [Verdict]

        init(_ audit: Audit) {
            lines = audit.lines
            otherLines = audit.unread
            tasks = audit.tasks
            jobs = audit.jobs.map(Story.init)
            seconds = Dictionary(
                uniqueKeysWithValues: audit.times.map { ($0.rawValue, Times($1)) }
            )
            rules = audit.findings.map(Verdict.init)
        }
    }

    private struct Story: Encodable {
        let job: String
        let waitSeconds: Double?
        let workSeconds: Double?
        let task: String?
        let isOver: Bool
        let isLost: Bool

        init(_ story: JobStory) {
            job = story.job.key
            waitSeconds = story.wait
            workSeconds = story.duration
            task = story.task?.text
            isOver = story.endedAt != nil
            isLost = story.isLost
        }
    }

    private struct Times: Encodable {
        let count: Int
        let p50: Double
        let p90: Double
        let p99: Double
        let longest: Double

        init(_ times: Percentiles) {
            count = times.count
            p50 = times.median
            p90 = times.ninetieth
            p99 = times.ninetyNinth
            longest = times.longest
        }
    }

    private struct Verdict: Encodable {
        let rule: Int
        let title: String
        let verdict: String
        let why: [String]

        init(_ finding: RuleVerdict) {
            rule = finding.number
            title = finding.title
            verdict = finding.verdict.rawValue
            why = finding.why
        }
    }
}
