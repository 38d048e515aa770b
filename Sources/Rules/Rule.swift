package import Decisions

/// The promises that nothing may break. Their wording stands here and nowhere else: the README's
/// list is compared with it.
package enum Rule: Int, Sendable, Hashable, CaseIterable {
    case protected = 1
    case oneSignal
    case runFirst
    case lowering
    case exposed
    case unknownIsBusy
    case rest
    case secrets
    case nothingLeft
    case noWrongZero

    package var number: Int { rawValue }

    package var sentence: String {
        switch self {
        case .protected:
            "No agent that holds a job is ever stopped by this system, and none by ECS scaling in: "
                + "a live task is protected from before its agent starts until its agent has exited."
        case .oneSignal:
            "An agent process gets at most one stop signal, whoever sends it. A second one makes it "
                + "drop its job."
        case .runFirst:
            "The run comes first. A dead sidecar, endpoint, ledger or API never fails, delays or "
                + "kills a run that has an agent; the launcher starts the agent even when no "
                + "sidecar answers within 30 s."
        case .lowering:
            "`size` falls by at most one per task, only after its agent has exited. An unclear "
                + "answer is resolved by reading, never by repeating blindly; while it is unclear, "
                + "what it may have written counts as unknown and is said again."
        case .exposed: "Nothing lowers the service while a live agent runs unprotected."
        case .unknownIsBusy:
            "Unknown is busy. Silence, an unreadable log, a lost link or an API error retires "
                + "nothing, but it never goes unreported either: what cannot be told for ten "
                + "minutes is a warning."
        case .rest:
            "With no jobs and no faults the service comes to rest at exactly `desired_count`, and "
                + "stays there without restarting anything; also during and after a deployment, "
                + "whichever revision ECS starts in place of a task that ends."
        case .secrets:
            "A secret appears in no log, error or ledger entry, and no run can read one of ours from "
                + "the launcher or, by the task role, from AWS: agent token, API token, HMAC key, "
                + "`access_token`, callback URL, credentials."
        case .nothingLeft:
            "A job finds nothing of an earlier job, no process, file or IPC object, except where "
                + "agents are reused, which says so (mode `shared`)."
        case .noWrongZero:
            "A ledger that was never written, that is of a service which is not ours, or of a "
                + "service that is ending, moves nothing."
        }
    }

    /// The sentence up to its first full stop or colon, for a table.
    package var title: String {
        String(sentence.prefix { $0 != "." && $0 != ":" })
    }
}

/// A rule, broken.
package struct Violation: Sendable, Hashable, CustomStringConvertible {
    package let rule: Rule
    package let party: Party
    /// When, in milliseconds of the clock by which facts are stated.
    package let at: Int
    /// What showed it. Time alone may break a rule: then the fact is the one that began it.
    package let fact: Fact
    /// What the party did or is, as the rest of a sentence that begins with it.
    package let text: String

    package var description: String { "rule \(rule.number) at \(at / 1_000) s: \(party) \(text)" }
}

/// By whom a rule was broken.
package enum Party: Sendable, Hashable, CustomStringConvertible {
    case task(TaskID)
    case run(String)
    case endpoint
    /// The ECS service, whoever moved it.
    case service

    package var description: String {
        switch self {
        case .task(let id): id.text
        case .run(let id): id
        case .endpoint: "the endpoint"
        case .service: "the service"
        }
    }
}

/// What would have broken a rule, and was beyond this system.
package enum Excuse: Sendable, Hashable {
    /// Something that no rule can prevent took the agent and with it the job.
    case jobLost(Job, TaskID, cause: String)
    /// Protection and ledger were both away for so long that an agent had to run unprotected and
    /// unknown to the ledger; ECS stopped it, or the service was lowered beside it.
    case bothAway(TaskID)
    /// A deployment stopped an agent that could not be protected, as the ledger says.
    case deployedOver(TaskID)
    /// The service was deleted, which ends protection; ECS stopped an agent when its own had run
    /// out, as the ledger says.
    case deletedOver(TaskID)
}

/// What the book says of one fact.
package struct Judgement: Sendable, Hashable {
    package var violations: [Violation] = []
    package var excuses: [Excuse] = []

    package init() {}
}
