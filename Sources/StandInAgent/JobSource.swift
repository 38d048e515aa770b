import Glibc

/// Where an agent's jobs come from: a stand-in for HCP Terraform over HTTP, or a table where there is
/// none.
protocol JobSource: Sendable {
    func register(_ settings: StandInSettings) async -> Registration
    /// Asks for a job.
    func next(for agent: String) async -> NextJob
    /// Says that the agent works.
    func report(_ agent: String) async -> AgentReport
    /// - Parameter result: `finished`, `errored` or `canceled`.
    /// - Returns: false where the agent is held for gone.
    func finish(_ job: OfferedJob, by agent: String, result: String) async -> Bool
    func deregister(_ agent: String) async
}

struct OfferedJob: Equatable, Sendable {
    var id: String
    var type: String
    var seconds: Double
}

struct EnlistedAgent: Equatable, Sendable {
    var id: String
    var pool: String
}

enum Registration: Equatable, Sendable {
    case agent(EnlistedAgent)
    /// Another try is of no use.
    case refused
    case failed
}

enum NextJob: Equatable, Sendable {
    case job(OfferedJob)
    /// None, or no answer.
    case nothing
    /// The agent is held for errored.
    case gone
}

enum AgentReport: Equatable, Sendable {
    case known
    /// The run was canceled.
    case canceled
    case gone
}

/// What a job does: this program once more, as a child that only waits, so that the image needs none.
enum StandInWork {
    private static let word = "work"

    /// - Returns: the words that start it.
    static func command(_ seconds: Double) -> [String] { ["/proc/self/exe", word, "\(seconds)"] }

    /// For how long to work, where that is what this process is for.
    static func seconds(_ arguments: [String]) -> Double? {
        guard arguments.count == 3, arguments[1] == word else { return nil }
        return Double(arguments[2])
    }

    /// Waits, and ends as whoever has done its work.
    static func run(_ seconds: Double) -> Never {
        let nanoseconds = (seconds - seconds.rounded(.down)) * 1_000_000_000
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        var left = timespec()
        while nanosleep(&time, &left) != 0 && errno == EINTR { time = left }
        exit(0)
    }
}
