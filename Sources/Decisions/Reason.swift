/// Why a directive was given. Closed, so that every decision has a sentence and a test can name
/// it.
package enum Reason: Hashable, Sendable, CustomStringConvertible {
    case newTask
    case protectionRunsOut
    case protectionAgain
    case protected(for: Duration)
    case protectionBlocked
    case protectionFails(String)
    case runsWithoutProtection(String)
    case protectedAfterAll
    case startedBefore
    case launcherConnected
    case noLauncher
    case agentReceived(Job)
    case agentWaits
    case idle(for: Duration)
    case maximumLifetime(Duration)
    case outdated
    case serviceEnds
    case givenUp(ServerStatus)
    case givenUpAtWork(ServerStatus, Job)
    case worksLong(Job, Duration)
    case saysNothing(Silence, for: Duration)
    case drainsLong(Duration)
    case failedStart(code: Int)
    case endedAtWork(code: Int, Job)
    case jobSaidAgain(Job)
    case mayLeave(Ledger.LeaveKind)
    case mustStay(StayReason)
    case caughtJob
    case takenForBusy
    case drainRefused(processes: Int)
    case agentExited(code: Int)
    case renewed
    case spoiled(String)
    case notRenewed(within: Duration)
    case jobsDone(Int)
    case stoppedFromOutside
    case departed(Departure)
    case leftForFresh
    case handsOver
    case notStopped(within: Duration)
    case rolloutEnded
    case sizeChanged
    case serviceDiffers(Comparison)
    case timeToCompare
    case timeToWatch
    case projected
    case projectionLeftToOthers(String)
    case tryAgain(String)
    case nextTimer
    case asked
    case statusUnreadable

    package var description: String {
        switch self {
        case .newTask: "a new task is protected before its agent starts"
        case .protectionRunsOut: "protection is renewed long before it runs out"
        case .protectionAgain: "protection is asked for again"
        case .protected(let time): "the task is protected for \(time.components.seconds) s"
        case .protectionBlocked:
            "ECS has as many protected tasks as it wants; this agent is not needed yet"
        case .protectionFails(let cause): "protection fails: \(cause)"
        case .runsWithoutProtection(let cause):
            "the agent runs WITHOUT scale-in protection (\(cause)); until that is mended nothing "
                + "lowers the service. Check ecs:UpdateTaskProtection in the task role"
        case .protectedAfterAll: "the task is protected after all"
        case .startedBefore: "this sidecar was restarted; the agent may be running"
        case .launcherConnected: "the launcher connected"
        case .noLauncher:
            "no launcher has connected; does the agent's container start "
                + "agent-launcher and mount the shared volume?"
        case .agentReceived(let job): "the agent received \(job)"
        case .agentWaits: "the agent waits for a job"
        case .idle(let time): "the agent has been idle for \(time.components.seconds) s"
        case .maximumLifetime(let time):
            "the agent is idle and older than \(time.components.seconds) s"
        case .outdated: "the agent is idle and of an older revision than the service's newest"
        case .serviceEnds: "the agent is idle and its service ends"
        case .givenUp(let status):
            "HCP Terraform holds the agent for \(status.rawValue), so it gets no more jobs"
        case .givenUpAtWork(let status, let job):
            "HCP Terraform holds the agent for \(status.rawValue) while it works on \(job); it "
                + "is left alone"
        case .worksLong(let job, let time):
            "the agent has worked on \(job) for \(time.components.seconds) s; it is left alone, "
                + "but look whether it hangs"
        case .saysNothing(let silence, let time):
            "for \(time.components.seconds) s it has not been known whether the agent works, so it "
                + "counts as busy: \(silence)"
        case .drainsLong(let time):
            "the agent has had its stop signal for \(time.components.seconds) s and does not end; "
                + "look what it does"
        case .failedStart(let code):
            "the agent exited with code \(code) before it ever waited for a job; its log says "
                + "why, often a token that is wrong or revoked"
        case .endedAtWork(let code, let job):
            "the agent exited with code \(code) with \(job) in hand; HCP Terraform decides what "
                + "becomes of the run"
        case .jobSaidAgain(let job): "the agent still works on \(job)"
        case .mayLeave(.surplus): "the service has one agent more than it wants"
        case .mayLeave(.stray): "ECS runs one task more than the service counts"
        case .mustStay(let reason): reason.description
        case .caughtJob: "the agent caught a job after all"
        case .takenForBusy: "HCP Terraform takes the agent for busy"
        case .drainRefused(let processes):
            "the agent has \(processes) processes of a job, so it is not idle"
        case .agentExited(let code): "the agent exited with code \(code)"
        case .renewed: "the container is as it was at its start, for the task's next agent"
        case .spoiled(let reason):
            "the container could not be renewed (\(reason)), so the task leaves; the launcher's "
                + "own line says what was left"
        case .notRenewed(let time):
            "the launcher has renewed nothing within \(time.components.seconds) s of the agent's "
                + "end, so the task leaves; its own lines say why"
        case .jobsDone(let count): "the task has had \(count) jobs, as many as it may"
        case .stoppedFromOutside: "the task is stopped from outside, which changes no count"
        case .departed(.retired): "the agent is gone and the service is one smaller"
        case .departed(.strayed): "the agent is gone; the service did not count it"
        case .departed(.recycles(let reason)): "ECS will start a fresh task, since \(reason)"
        case .departed(.bookedBefore): "the departure was already booked"
        case .leftForFresh: "the task leaves for a fresh one; is a deployment under way?"
        case .handsOver:
            "a deployment is under way, which stops the task for one of the new revision"
        case .notStopped(let time):
            "ECS's deployment has not stopped the task within \(time.components.seconds) s, so it "
                + "leaves by itself"
        case .rolloutEnded:
            "no deployment waits for the task any more, or its new revision fails to start"
        case .sizeChanged: "the ledger's size changed"
        case .serviceDiffers(let seen):
            "the service wants \(seen.desired) tasks and the ledger \(seen.size)"
        case .timeToCompare: "an idle agent compares service and ledger"
        case .timeToWatch: "HCP Terraform is asked what it takes the agent for"
        case .projected: "the service follows the ledger"
        case .projectionLeftToOthers(let cause):
            "the service does not follow yet (\(cause)); an idle agent or the sweep will see to it"
        case .tryAgain(let cause): "tried again after: \(cause)"
        case .nextTimer: "next timer"
        case .asked: "asked to stop"
        case .statusUnreadable: "a status line of the agent could not be read; unknown is busy"
        }
    }
}
