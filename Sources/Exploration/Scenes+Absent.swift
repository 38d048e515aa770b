extension Scene {
    /// What does not occur in a scene though something in it might bring it about, with commas
    /// (``occurrences``).
    static let absences: [String: String] = [
        "one-job": """
        killTask, deployments, raise, releaseLimit, bookingPasses, phase looking, report granted
        stray, report rejoined, report strayed, report recycles, report booked before, report
        exposed, report covered
        """,
        "faults": """
        deployments, raise, bookingPasses, phase looking, report rejoined, report recycles
        """,
        "faults-shared": """
        deployments, raise, bookingPasses, phase looking, report recycles
        """,
        "floor": """
        stopTasks, follow, exit, drain, unprotect, raise, bookingPasses, phase draining, phase
        unprotecting, report no job, report granted surplus, report granted stray, report
        rejoined, report retired, report strayed, report booked before
        """,
        "stopped": """
        stopTasks, follow, drain, unprotect, raise, releaseLimit, bookingPasses, phase draining,
        phase unprotecting, report granted surplus, report granted stray, report retired, report
        strayed, report booked before
        """,
        "edited": """
        look, killTask, unprotect, deployments, raise, releaseLimit, age, bookingPasses, phase
        unprotecting, phase looking, report granted surplus, report rejoined, report retired,
        report recycles, report booked before, report exposed
        """,
        "edited-floor": """
        look, killTask, unprotect, deployments, raise, releaseLimit, age, bookingPasses, phase
        unprotecting, phase looking, report no job, report granted surplus, report rejoined,
        report retired, report recycles, report booked before
        """,
        "edited-three": """
        look, killTask, unprotect, deployments, raise, releaseLimit, age, bookingPasses, phase
        unprotecting, phase looking, report no job, report granted surplus, report rejoined,
        report retired, report recycles, report booked before, report exposed, report covered
        """,
        "two-too-many": """
        deployments, raise, phase looking, report rejoined, report recycles
        """,
        "stale": """
        killTask, deployments, raise, releaseLimit, bookingPasses, phase looking, report
        recycles, report booked before, report exposed, report covered
        """,
        "links": """
        killTask, raise, releaseLimit, report booked before, report exposed, report covered
        """,
        "repeats": """
        killTask, deployments, releaseLimit, phase looking, report no job, report rejoined,
        report recycles, report booked before
        """,
        "never-written": """
        killTask, hear, deployments, raise, releaseLimit, age, bookingPasses, phase looking,
        report no job, report granted stray, report refused, report rejoined, report strayed,
        report recycles, report booked before, report exposed, report covered
        """,
        "more-held-than-may": """
        killTask, call, endpoint, follow, receive, deployments, byItself, raise, releaseLimit,
        age, bookingPasses, phase looking, report no job, report granted surplus, report
        rejoined, report recycles, report booked before, report exposed, report covered
        """,
        "two-jobs": """
        killTask, releaseLimit, report no job, report rejoined, report booked before, report
        exposed, report covered
        """,
        "deployment-same": """
        look, killTask, raise, project, startSweep, releaseLimit, bookingPasses, phase unprotecting,
        phase projecting, report granted surplus, report granted stray, report rejoined, report
        retired, report strayed, report booked before, report exposed
        """,
        "deployment-primary": """
        look, killTask, raise, project, startSweep, releaseLimit, bookingPasses, phase unprotecting,
        phase projecting, report granted surplus, report granted stray, report rejoined, report
        retired, report strayed, report booked before, report exposed
        """,
        "deployment-job-same": """
        killTask, follow, raise, releaseLimit, bookingPasses, phase unprotecting, report granted
        surplus, report granted stray, report rejoined, report retired, report strayed, report
        booked before
        """,
        "deployment-job-primary": """
        killTask, follow, raise, releaseLimit, bookingPasses, phase unprotecting, report granted
        surplus, report granted stray, report rejoined, report retired, report strayed, report
        booked before
        """,
        "deployment-fails": """
        killTask, follow, raise, project, startSweep, releaseLimit, bookingPasses, phase
        unprotecting, phase projecting, report no job, report granted surplus, report granted
        stray, report rejoined, report retired, report strayed, report booked before, report
        exposed, report covered
        """,
        "starts-fail": """
        killTask, exit, raise, releaseLimit, report no job, report granted stray, report
        rejoined, report strayed, report booked before, report exposed, report covered
        """,
        "renewed": """
        killTask, raise, releaseLimit, bookingPasses, report booked before, report exposed, report
        covered
        """,
        "renewed-restarted": """
        killTask, raise, releaseLimit, bookingPasses, report granted stray, report strayed, report
        exposed
        """,
        "renewed-stopped": """
        raise, bookingPasses, report granted stray, report strayed, report booked before, report
        exposed, report covered
        """,
        "renewed-links": """
        startSweep, connect, killTask, deployments, raise, releaseLimit, bookingPasses, phase looking,
        report granted stray, report strayed, report recycles, report booked before, report exposed,
        report covered
        """,
        "renewed-alone": """
        raise, bookingPasses, report booked before, report exposed, report covered
        """,
        "renewed-deployed": """
        killTask, raise, releaseLimit, bookingPasses, phase unprotecting, phase projecting, report
        granted surplus, report granted stray, report rejoined, report retired, report strayed,
        report booked before, report exposed, newest starting, newest runs
        """,
        "watched": """
        killTask, releaseLimit, report rejoined, report booked before, report exposed, report
        covered
        """,
        "deleted": """
        follow, unprotect, raise, releaseLimit, bookingPasses, phase unprotecting, report
        granted surplus, report granted stray, report rejoined, report retired, report strayed,
        report booked before
        """,
        "first-minute": """
        stopTasks, killTask, follow, drain, unprotect, raise, bookingPasses, phase draining,
        phase unprotecting, phase projecting, report no job, report granted surplus, report
        granted stray, report rejoined, report retired, report strayed, report booked before,
        report exposed, report covered
        """,
        "two-jobs-slow": """
        killTask, releaseLimit, report no job, report rejoined, report booked before, report
        exposed, report covered
        """,
        "two-agents": """
        killTask, releaseLimit, report no job, report rejoined, report booked before, report
        exposed, report covered
        """,
        "more-jobs-than-may": """
        killTask, call, endpoint, follow, releaseLimit, report no job, report rejoined, report
        booked before, report exposed, report covered
        """,
        "two-agents-shared": """
        killTask, releaseLimit, report booked before, report exposed, report covered
        """,
        "two-agents-floor": """
        killTask, releaseLimit, report no job, report rejoined, report booked before, report
        exposed, report covered
        """,
        "two-agents-slow": """
        killTask, releaseLimit, report no job, report granted stray, report rejoined, report
        strayed, report booked before, report exposed, report covered
        """,
        "two-agents-fault": """
        killTask, releaseLimit, report no job, report granted stray, report rejoined, report
        strayed, report exposed, report covered
        """,
    ]
}
