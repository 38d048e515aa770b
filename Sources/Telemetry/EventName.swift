/// Everything that the programs of this project say in their logs, by names that never change. A
/// line cannot be written without one, and each has its row in the operators' page.
package enum EventName: String, Sendable, Hashable, CaseIterable {
    // MARK: A sidecar's start and end

    case sidecarStarted = "sidecar_started"
    case cannotStart = "cannot_start"
    case startRetried = "start_retried"
    case stopAsked = "stop_asked"
    case sidecarEnded = "sidecar_ended"

    // MARK: What a sidecar does, each with its reason

    case protectionAsked = "protection_asked"
    case protectionReturned = "protection_returned"
    case agentAllowed = "agent_allowed"
    case agentNamed = "agent_named"
    case agentDrained = "agent_drained"
    case containerReleased = "container_released"
    case containerHeld = "container_held"
    case jobReported = "job_reported"
    case noJobReported = "no_job_reported"
    case leaveAsked = "leave_asked"
    case leaveWithdrawn = "leave_withdrawn"
    case departureReported = "departure_reported"
    case exposureReported = "exposure_reported"
    case exposureWithdrawn = "exposure_withdrawn"
    case projectionAsked = "projection_asked"
    case comparisonAsked = "comparison_asked"
    case deploymentsAsked = "deployments_asked"
    case agentStatusAsked = "agent_status_asked"

    // MARK: What became of it

    case leaveRefused = "leave_refused"
    case announcedJobOver = "announced_job_over"
    case protectionGranted = "protection_granted"
    case protectionBlocked = "protection_blocked"
    case agentReady = "agent_ready"
    case agentWaits = "agent_waits"
    case agentExited = "agent_exited"
    case launcherLost = "launcher_lost"
    case jobStarted = "job_started"
    case jobTaken = "job_taken"
    case jobEnded = "job_ended"
    case departed
    case sizeChanged = "size_changed"

    // MARK: What a person should look at

    case launcherMissing = "launcher_missing"
    case jobRunsLong = "job_runs_long"
    case agentGivenUp = "agent_given_up"
    case drainRunsLong = "drain_runs_long"
    case agentUnknown = "agent_unknown"
    case statusUnreadable = "status_unreadable"
    case drainRefused = "drain_refused"
    case agentDiedAtWork = "agent_died_at_work"
    case callFailed = "call_failed"
    case ledgerFailed = "ledger_failed"
    case protectionRefused = "protection_refused"
    case containerSpoiled = "container_spoiled"
    case renewalMissing = "renewal_missing"
    case protectionNotReturned = "protection_not_returned"
    case protectionAnswerMalformed = "protection_answer_malformed"
    case deploymentsUnreadable = "deployments_unreadable"
    case ownDeploymentUnreadable = "own_deployment_unreadable"
    case comparisonFailed = "comparison_failed"
    case agentsUncounted = "agents_uncounted"
    case agentsAPIFailed = "agents_api_failed"
    case announcedRunUnreadable = "announced_run_unreadable"
    case secondClientRefused = "second_client_refused"
    case messageMalformed = "message_malformed"
    case linkVersionDiffers = "link_version_differs"
    case statusLineTooLong = "status_line_too_long"
    case statusLineUnreadable = "status_line_unreadable"
    case logLevelHidesState = "log_level_hides_state"
    case linesLost = "lines_lost"

    // MARK: What a person must mend

    case runsUnprotected = "runs_unprotected"
    case agentFailedStart = "agent_failed_start"

    // MARK: The launcher

    case notStarted = "not_started"
    case startedAlone = "started_alone"
    case stopSignalGiven = "stop_signal_given"
    case commandStopped = "command_stopped"
    case agentAlone = "agent_alone"
    case releaseMissing = "release_missing"
    case heldAlone = "held_alone"
    case startReadable = "start_readable"
    case agentWatchedByID = "agent_watched_by_id"
    case agentUnwatched = "agent_unwatched"
    case logLevelOverruled = "log_level_overruled"
    case messageIgnored = "message_ignored"
    case containerRenewed = "container_renewed"
    case renewalImpossible = "renewal_impossible"

    // MARK: The endpoint

    case functionStarted = "function_started"
    case listening
    case jobAnnounced = "job_announced"
    case callPassed = "call_passed"
    case poolUnknown = "pool_unknown"
    case jobsOver = "jobs_over"
    case verificationAnswered = "verification_answered"
    case notificationIgnored = "notification_ignored"
    case callUnanswerable = "call_unanswerable"
    case requestRefused = "request_refused"
    case keyMissing = "key_missing"
    case keyHasWhiteSpace = "key_has_white_space"
    case announcementFailed = "announcement_failed"
    case jobsOverUnwritten = "jobs_over_unwritten"
    case callbackRejected = "callback_rejected"
    case callbackFailed = "callback_failed"
    case swept
    case sweptInPart = "swept_in_part"
    case startsFailed = "starts_failed"
    case sweepStopped = "sweep_stopped"
    case timeIsUp = "time_is_up"
    case answerLost = "answer_lost"
    case eventUnreadable = "event_unreadable"
    case runtimeFailed = "runtime_failed"
    case cannotServe = "cannot_serve"
    /// Of a library; its own level counts.
    case libraryLine = "library_line"
}

/// What a line asks of whoever reads it.
package enum LogLevel: String, Sendable, Hashable, CaseIterable, Comparable {
    /// For whoever looks into one task or one call.
    case debug
    /// What happens.
    case info
    /// Look.
    case warning
    /// Act.
    case error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}

extension EventName {
    /// One level for each event, so that whoever reads knows what to do by the name alone.
    package var level: LogLevel {
        switch self {
        case .leaveAsked, .comparisonAsked, .deploymentsAsked, .agentStatusAsked,
            .notificationIgnored, .sweepStopped:
            .debug
        case .sidecarStarted, .stopAsked, .sidecarEnded, .protectionAsked, .protectionReturned,
            .agentAllowed, .agentNamed, .agentDrained, .containerReleased, .containerHeld,
            .jobReported, .noJobReported, .leaveWithdrawn, .departureReported, .exposureReported,
            .exposureWithdrawn, .projectionAsked, .leaveRefused, .announcedJobOver,
            .stopSignalGiven, .commandStopped, .agentWatchedByID, .containerRenewed,
            .functionStarted, .listening, .jobAnnounced, .callPassed, .jobsOver,
            .verificationAnswered, .swept, .libraryLine, .protectionGranted, .protectionBlocked,
            .agentReady, .agentWaits, .agentExited, .launcherLost, .jobStarted, .jobTaken,
            .jobEnded, .departed, .sizeChanged:
            .info
        case .startRetried, .launcherMissing, .jobRunsLong, .agentGivenUp, .drainRunsLong,
            .agentUnknown, .statusUnreadable, .drainRefused, .agentDiedAtWork, .callFailed,
            .containerSpoiled, .renewalMissing, .protectionNotReturned,
            .protectionAnswerMalformed, .deploymentsUnreadable, .ownDeploymentUnreadable,
            .comparisonFailed, .agentsUncounted, .agentsAPIFailed, .announcedRunUnreadable,
            .secondClientRefused, .messageMalformed, .linkVersionDiffers, .statusLineTooLong,
            .statusLineUnreadable, .logLevelHidesState, .linesLost, .startedAlone, .agentAlone,
            .releaseMissing, .heldAlone, .startReadable, .agentUnwatched, .logLevelOverruled,
            .messageIgnored, .renewalImpossible, .callUnanswerable, .poolUnknown,
            .requestRefused, .jobsOverUnwritten, .ledgerFailed, .protectionRefused:
            .warning
        case .cannotStart, .runsUnprotected, .agentFailedStart, .notStarted, .keyMissing,
            .keyHasWhiteSpace, .announcementFailed, .callbackRejected, .callbackFailed,
            .sweptInPart, .timeIsUp, .answerLost, .eventUnreadable, .runtimeFailed, .cannotServe,
            .startsFailed:
            .error
        }
    }
}
