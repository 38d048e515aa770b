import Decisions
import Telemetry

extension Reason {
    /// The event of a line that says this reason and nothing else.
    var event: EventName {
        switch self {
        case .mustStay: return .leaveRefused
        case .noLauncher: return .launcherMissing
        case .worksLong: return .jobRunsLong
        case .givenUpAtWork: return .agentGivenUp
        case .saysNothing: return .agentUnknown
        case .drainsLong: return .drainRunsLong
        case .statusUnreadable: return .statusUnreadable
        case .drainRefused: return .drainRefused
        case .endedAtWork: return .agentDiedAtWork
        case .failedStart: return .agentFailedStart
        case .runsWithoutProtection: return .runsUnprotected
        case .spoiled: return .containerSpoiled
        case .notRenewed: return .renewalMissing
        case .tryAgain: return .callFailed
        case .newTask, .protectionRunsOut, .protectionAgain, .protected, .protectionBlocked,
            .protectionFails, .protectedAfterAll, .startedBefore, .launcherConnected,
            .agentReceived, .agentWaits, .idle, .maximumLifetime, .outdated, .serviceEnds,
            .givenUp, .jobSaidAgain, .mayLeave, .caughtJob, .takenForBusy, .agentExited, .renewed,
            .jobsDone, .stoppedFromOutside, .departed, .leftForFresh, .handsOver, .notStopped,
            .rolloutEnded, .sizeChanged, .serviceDiffers, .timeToCompare, .timeToWatch, .projected,
            .projectionLeftToOthers, .nextTimer, .asked:
            assertionFailure("\(name) explains a step and is nothing to say by itself")
            return .callFailed
        }
    }

    /// The reason in words, by its name, and with what it speaks of.
    var fields: LogFields {
        var fields: LogFields = [.reason: .text(description), .reasonName: .text(name)]
        fields[.job] = job.map { .text($0.key) }
        fields[.seconds] = time.map { .count(Int($0.components.seconds)) }
        fields[.cause] = cause.map { .text($0) }
        switch self {
        case .failedStart(let code), .endedAtWork(let code, _), .agentExited(let code):
            fields[.code] = .count(code)
        case .drainRefused(let processes): fields[.processes] = .count(processes)
        case .jobsDone(let count): fields[.number] = .count(count)
        // The launcher's word, of a closed few.
        case .spoiled(let reason): fields[.reasonName] = .text(reason)
        default: break
        }
        return fields
    }

    private var job: Job? {
        switch self {
        case .agentReceived(let job), .givenUpAtWork(_, let job), .worksLong(let job, _),
            .endedAtWork(_, let job), .jobSaidAgain(let job):
            job
        default: nil
        }
    }

    private var time: Duration? {
        switch self {
        case .protected(let time), .idle(let time), .maximumLifetime(let time),
            .worksLong(_, let time), .saysNothing(_, let time), .drainsLong(let time),
            .notRenewed(let time), .notStopped(let time):
            time
        default: nil
        }
    }

    /// What somebody else said.
    private var cause: String? {
        switch self {
        case .protectionFails(let cause), .runsWithoutProtection(let cause), .tryAgain(let cause),
            .projectionLeftToOthers(let cause), .spoiled(let cause):
            cause
        case .saysNothing(let silence, _): silence.rawValue
        default: nil
        }
    }
}
