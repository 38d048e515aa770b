extension Scene {
    /// Kinds of step, phase and report that do not occur in a scene (``occurrences``), with commas.
    static let absences: [String: String] = [
        "one-job": """
        step stopTask, step killTask, step edit, step deployments, step raise, step crash,
        step restart, step releaseLimit, step bookingPasses, step crashAgent, step
        breakLink, step connect, phase looking, report granted stray, report rejoined,
        report strayed, report recycles, report booked before, report exposed, report
        covered
        """,
        "faults": """
        step stopTask, step edit, step deployments, step raise, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase looking, report rejoined, report
        recycles
        """,
        "floor": """
        step scaleIn, step stopTask, step edit, step follow, step exit, step drain, step
        unprotect, step raise, step crash, step restart, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase draining, phase unprotecting, report
        no job, report granted surplus, report granted stray, report rejoined, report
        retired, report strayed, report booked before
        """,
        "stopped": """
        step scaleIn, step edit, step follow, step drain, step unprotect, step raise, step
        releaseLimit, step bookingPasses, step crashAgent, step breakLink, step connect,
        phase draining, phase unprotecting, report granted surplus, report granted stray,
        report retired, report strayed, report booked before
        """,
        "faults-shared": """
        step stopTask, step edit, step deployments, step raise, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase looking, report recycles
        """,
        "edited": """
        step stopTask, step killTask, step call, step endpoint, step follow, step receive,
        step finish, step unprotect, step deployments, step byItself, step look, step raise,
        step releaseLimit, step age, step bookingPasses, step crashAgent, step breakLink,
        step connect, phase unprotecting, phase looking, report job, report granted surplus,
        report rejoined, report retired, report recycles, report booked before, report
        exposed
        """,
        "edited-three": """
        step stopTask, step killTask, step call, step endpoint, step follow, step receive,
        step finish, step unprotect, step deployments, step byItself, step look, step raise,
        step crash, step restart, step releaseLimit, step age, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase unprotecting, phase looking, report
        job, report no job, report granted surplus, report rejoined, report retired, report
        recycles, report booked before, report exposed, report covered
        """,
        "edited-floor": """
        step stopTask, step killTask, step call, step endpoint, step follow, step receive,
        step finish, step unprotect, step deployments, step byItself, step look, step raise,
        step crash, step restart, step releaseLimit, step age, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase unprotecting, phase looking, report
        job, report no job, report granted surplus, report rejoined, report retired, report
        recycles, report booked before
        """,
        "stale": """
        step stopTask, step killTask, step edit, step deployments, step raise, step crash,
        step restart, step releaseLimit, step bookingPasses, step crashAgent, step
        breakLink, step connect, phase looking, report recycles, report booked before,
        report exposed, report covered
        """,
        "links": """
        step stopTask, step killTask, step edit, step raise, step crash, step restart, step
        releaseLimit, step bookingPasses, report booked before, report exposed, report
        covered
        """,
        "repeats": """
        step stopTask, step killTask, step edit, step deployments, step crash, step restart,
        step releaseLimit, step crashAgent, step breakLink, step connect, phase looking,
        report no job, report rejoined, report recycles, report booked before
        """,
        "never-written": """
        step stopTask, step killTask, step edit, step call, step endpoint, step follow, step
        receive, step finish, step hear, step deployments, step byItself, step raise, step
        crash, step restart, step releaseLimit, step age, step bookingPasses, step
        crashAgent, step breakLink, step connect, phase looking, report job, report no job,
        report granted stray, report refused, report rejoined, report strayed, report
        recycles, report booked before, report exposed, report covered
        """,
        "more-held-than-may": """
        step stopTask, step killTask, step edit, step call, step endpoint, step follow, step
        receive, step deployments, step byItself, step raise, step crash, step restart, step
        releaseLimit, step age, step bookingPasses, step crashAgent, step breakLink, step
        connect, phase looking, report no job, report granted surplus, report rejoined,
        report recycles, report booked before, report exposed, report covered
        """,
        "two-too-many": """
        step stopTask, step edit, step call, step endpoint, step follow, step receive, step
        finish, step deployments, step byItself, step raise, step crashAgent, step
        breakLink, step connect, phase looking, report job, report rejoined, report recycles
        """,
        "two-jobs": """
        step stopTask, step killTask, step edit, step crash, step restart, step
        releaseLimit, step crashAgent, step breakLink, step connect, report no job, report
        rejoined, report booked before, report exposed, report covered
        """,
        "two-jobs-slow": """
        step stopTask, step killTask, step edit, step crash, step restart, step
        releaseLimit, step crashAgent, step breakLink, step connect, report no job, report
        rejoined, report booked before, report exposed, report covered
        """,
        "two-agents": """
        step stopTask, step killTask, step edit, step crash, step restart, step
        releaseLimit, step crashAgent, step breakLink, step connect, report no job, report
        rejoined, report booked before, report exposed, report covered
        """,
        "more-jobs-than-may": """
        step stopTask, step killTask, step edit, step call, step endpoint, step follow, step
        crash, step restart, step releaseLimit, step crashAgent, step breakLink, step
        connect, report no job, report rejoined, report booked before
        """,
    ]
}
