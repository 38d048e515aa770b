import Telemetry

/// What takes time in a pool, in seconds. The names are those of the JSON, and never change.
package enum PoolTime: String, CaseIterable, Sendable {
    /// Of an announced job until an agent has it, and then until it is over.
    case wait, work
    /// Of an agent between two jobs.
    case idle
    /// Of a task, from the begin of its images' pull until its agent waits for a job; then its parts.
    case boot
    case pull, start, protect, register
    /// What comes after: until it has its first job.
    case firstJob

    /// As a person reads it.
    var word: String { self == .firstJob ? "first job" : rawValue }

    /// What lines tell it by; nil where it is between two lines.
    var metric: Metric? {
        switch self {
        case .wait, .work: nil
        case .idle: .idleTime
        case .boot: .boot
        case .pull: .bootPull
        case .start: .bootStart
        case .protect: .bootProtect
        case .register: .bootRegister
        case .firstJob: .bootFirstJob
        }
    }

    /// Whether it belongs to the boot above it.
    var isPart: Bool {
        switch self {
        case .wait, .work, .idle, .boot: false
        case .pull, .start, .protect, .register, .firstJob: true
        }
    }
}
