package import Decisions

extension SettingsReader {
    /// The environment's limits, used where the table's limits item says nothing:
    /// `DESIRED_COUNT` (0), `MAX_COUNT` (10), `SPARE_COUNT` (0).
    package mutating func limits() -> Limits {
        let most = 10_000
        let range = "a whole number from 0 to \(most)"
        let desired = count("DESIRED_COUNT", default: 0, in: 0...most, expected: range)
        let maximum = count(
            "MAX_COUNT",
            default: 10,
            in: 1...most,
            expected: "a whole number from 1 to \(most)"
        )
        let spare = count("SPARE_COUNT", default: 0, in: 0...most, expected: range)
        if let limits = Limits(desiredCount: desired, maxCount: maximum, spareCount: spare) {
            return limits
        }
        fault(
            "DESIRED_COUNT",
            value: "\(desired)",
            expected: "at most MAX_COUNT, which is \(maximum)"
        )
        return Limits.fallback
    }

    /// `ANNOUNCED_JOB_TIMEOUT_SECONDS` (3600): how long a job that no agent received counts. A
    /// shorter time than the least would be over before the agent that was started for the job can
    /// have it: a boot takes up to 75 s, and the agent asks for jobs every 30 s.
    package mutating func announcedJobTimeout() -> Duration {
        let week = 7 * 86_400
        return seconds(
            "ANNOUNCED_JOB_TIMEOUT_SECONDS",
            default: 3_600,
            in: 120...week,
            expected: "whole seconds from 120 to \(week)"
        )
    }
}
