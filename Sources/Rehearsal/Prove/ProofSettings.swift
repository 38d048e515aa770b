/// What a proof plays, in this order.
enum ProofAct: String, Sendable, CaseIterable {
    case runs
    case deployment
    case stop
    case refusal
    case edit

    /// For help and progress.
    var explanation: String {
        switch self {
        case .runs: "two runs at once, each with a plan and an apply"
        case .deployment:
            "a deployment while two agents work; one task is stopped, and ECS replaces it for a third run"
        case .stop: "a person stops a task whose agent works"
        case .refusal: "a task that may not protect itself, and its run"
        case .edit: "a person sets desiredCount to 0 while an agent works"
        }
    }
}

/// How long things take where a proof is played, in seconds.
struct ProofPace: Equatable, Sendable {
    /// A job that somebody only waits for.
    var job: Double
    /// One that goes on while something is done to its agent: shorter than the two minutes of ECS's
    /// stop timeout, and than the launcher's.
    var longJob: Double
    /// One that goes on over a whole deployment with the start of another task.
    var longestJob: Double
    /// Between two looks at the table and at ECS.
    var look: Double
    /// So long IAM may take to do what was applied.
    var rights: Double
    /// So long nothing may have started or stopped at the end.
    var rest: Double
    /// So long the last lines take to CloudWatch.
    var lines: Double
    /// After this something that is waited for does not come: more than a task that ECS started in
    /// excess may stay (``Ledger/strayAfter``).
    var patience: Double

    /// A boot takes 35 to 75 s, a sweep comes each minute.
    static let account = ProofPace(
        job: 20,
        longJob: 60,
        longestJob: 300,
        look: 3,
        rights: 30,
        rest: 130,
        lines: 30,
        patience: 600
    )
    /// A boot takes one second, a sweep comes each three.
    static let local = ProofPace(
        job: 2,
        longJob: 6,
        longestJob: 16,
        look: 0.2,
        rights: 0,
        rest: 4,
        lines: 0,
        patience: 480
    )
}

struct ProofSettings: Sendable {
    var prefix: String
    var region: String
    var acts: [ProofAct]
    var pace: ProofPace
    /// What there is stays, to be looked at.
    var keeps = false
    /// Of this proof alone; the value of the tag of all that it makes.
    var marker: String

    /// Agents at most: as many as an act needs at a time.
    static let maxCount = 2

    /// As the module takes it (variables.tf), so that nothing is begun that is refused later.
    static func isPrefix(_ text: String) -> Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard (1...20).contains(text.utf8.count), let first = text.utf8.first,
            letters.contains(first), text.utf8.last != UInt8(ascii: "-")
        else { return false }
        return text.utf8.allSatisfy {
            letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "-")
        }
    }
}

/// What is deployed, by the names that the module gives (names.tf).
struct ProofNames: Equatable, Sendable {
    let prefix: String

    var cluster: String { prefix }
    var service: String { prefix + "-agents" }
    var family: String { prefix + "-agents" }
    var ledgerTable: String { prefix + "-ledger" }
    var jobTable: String { prefix + "-prove" }
    var agentsLog: String { "/ecs/\(prefix)-agents" }
    var endpointLog: String { "/aws/lambda/\(prefix)-scale-up" }
}

/// Why a proof does not go on. Nothing is left out of what there is to take away for it.
struct ProofError: Error, Equatable, CustomStringConvertible {
    var description: String
}
