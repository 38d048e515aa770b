import AWS
import Decisions
import Ports
import Telemetry

/// Asks for scale-in protection, and when that fails reads what is left of an earlier grant: of one
/// whose answer was lost, or that a sidecar before this one was given.
struct Protector: Sendable {
    let client: TaskProtectionClient
    let minutes: Int
    let journal: Journal

    func protect() async -> ProtectionReport {
        let (report, cause) = report(await client.protect(minutes: minutes))
        guard let cause, case .protected(let until) = await client.state(),
            let left = left(until)
        else { return report }
        return .held(for: left, cause)
    }

    /// - Returns: what the answer means, and why it is no protection.
    private func report(_ answer: ProtectionAnswer) -> (ProtectionReport, cause: String?) {
        switch answer {
        case .protected(let until):
            // An expiry that is not ahead of this machine's clock is no protection to rely on.
            guard let left = left(until) else {
                return (.unclear("protection has already run out"), nil)
            }
            return (.protected(for: left), nil)
        case .blocked: return (.blocked, "DEPLOYMENT_BLOCKED")
        case .unprotected: return refused("ECS says that the task is not protected")
        case .refused(let reason): return refused(reason)
        case .denied(let message): return refused("access denied: \(message)")
        case .throttled: return unclear("throttled")
        case .unclear(let cause): return unclear(cause)
        case .malformed(let cause):
            journal.once(
                .protectionAnswerMalformed,
                "a malformed answer of the protection endpoint: \(cause)"
            )
            return unclear("malformed answer")
        }
    }

    private func refused(_ cause: String) -> (ProtectionReport, cause: String?) {
        (.refused(cause), cause)
    }

    private func unclear(_ cause: String) -> (ProtectionReport, cause: String?) {
        (.unclear(cause), cause)
    }

    private func left(_ until: WallTime) -> Duration? {
        let left = until.since(.now())
        return left > .zero ? min(left, .seconds(minutes * 60)) : nil
    }
}
