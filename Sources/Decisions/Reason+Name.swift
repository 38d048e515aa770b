/// Names of reasons that never change: logs, metrics and documents have the same.
extension Reason {
    package var name: String {
        switch self {
        case .newTask: "new_task"
        case .protectionRunsOut: "protection_runs_out"
        case .protectionAgain: "protection_again"
        case .protected: "protected"
        case .protectionBlocked: "protection_blocked"
        case .protectionFails: "protection_fails"
        case .runsWithoutProtection: "runs_without_protection"
        case .protectedAfterAll: "protected_after_all"
        case .startedBefore: "started_before"
        case .launcherConnected: "launcher_connected"
        case .noLauncher: "no_launcher"
        case .agentReceived: "agent_received"
        case .agentWaits: "agent_waits"
        case .idle: "idle"
        case .maximumLifetime: "maximum_lifetime"
        case .outdated: "outdated"
        case .serviceEnds: "service_ends"
        case .givenUp: "given_up"
        case .givenUpAtWork: "given_up_at_work"
        case .worksLong: "works_long"
        case .saysNothing: "says_nothing"
        case .drainsLong: "drains_long"
        case .failedStart: "failed_start"
        case .endedAtWork: "ended_at_work"
        case .jobSaidAgain: "job_said_again"
        case .mayLeave(let kind): kind.rawValue
        case .mustStay(let reason): reason.name
        case .caughtJob: "caught_job"
        case .takenForBusy: "taken_for_busy"
        case .drainRefused: "drain_refused"
        case .agentExited: "agent_exited"
        case .renewed: "renewed"
        case .spoiled: "spoiled"
        case .notRenewed: "not_renewed"
        case .jobsDone: "jobs_done"
        case .stoppedFromOutside: "stopped_from_outside"
        case .departed(let departure): departure.name
        case .leftForFresh: "left_for_fresh"
        case .handsOver: "hands_over"
        case .notStopped: "not_stopped"
        case .rolloutEnded: "rollout_ended"
        case .sizeChanged: "size_changed"
        case .serviceDiffers: "service_differs"
        case .timeToCompare: "time_to_compare"
        case .timeToWatch: "time_to_watch"
        case .projected: "projected"
        case .projectionLeftToOthers: "projection_left_to_others"
        case .tryAgain: "try_again"
        case .nextTimer: "next_timer"
        case .asked: "asked"
        case .statusUnreadable: "status_unreadable"
        }
    }
}

extension StayReason {
    package var name: String {
        switch self {
        case .needed: "needed"
        case .agentExposed: "agent_exposed"
        case .perhapsStray: "perhaps_stray"
        case .holdsJob: "holds_job"
        case .departedBefore: "departed_before"
        }
    }
}

extension Departure {
    package var name: String {
        switch self {
        case .retired: "retired"
        case .strayed: "strayed"
        case .recycles: "recycled"
        case .bookedBefore: "booked_before"
        }
    }
}
