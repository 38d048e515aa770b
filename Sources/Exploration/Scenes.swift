import AgentLink
import Model

extension Scene {
    /// Every scene, in the order in which they are played.
    package static let all: [Scene] = [
        Scene(
            name: "one-job",
            about: "two tasks, one job, no fault; a sweep at any time",
            mode: .shared,
            sweepsAnyTime: true
        ),
        Scene(
            name: "faults",
            about: "two calls fail and a sidecar dies",
            budgets: Budgets(faults: 2, crashes: 1)
        ),
        Scene(
            name: "faults-shared",
            about: "three calls fail and a sidecar dies where an agent stays for the next job",
            mode: .shared,
            budgets: Budgets(faults: 3, crashes: 1)
        ),
        Scene(
            name: "floor",
            about: "one agent always, four calls fail",
            floor: 1,
            budgets: Budgets(faults: 4)
        ),
        Scene(
            name: "stopped",
            about: "a person stops a task, a call fails, a sidecar dies",
            floor: 1,
            budgets: Budgets(faults: 1, crashes: 1, stops: 1)
        ),
        Scene(
            name: "edited",
            about: "a person sets desiredCount, a call fails, a sidecar dies",
            jobs: 0,
            budgets: Budgets(faults: 1, crashes: 1, edits: 1)
        ),
        Scene(
            name: "edited-floor",
            about: "the same where one agent stays, and two readings of ECS are old",
            jobs: 0,
            floor: 1,
            budgets: Budgets(faults: 1, edits: 1, stale: 2)
        ),
        Scene(
            name: "edited-three",
            about: "three tasks, two always, a person sets desiredCount",
            tasks: 3,
            jobs: 0,
            floor: 2,
            most: 2,
            budgets: Budgets(edits: 1)
        ),
        Scene(
            name: "two-too-many",
            about: "two agents where none belongs; two calls fail and a sidecar dies",
            jobs: 0,
            most: 2,
            budgets: Budgets(faults: 2, crashes: 1),
            beginning: .twoTooMany
        ),
        Scene(
            name: "stale",
            about: "two readings of ECS are as old as the last change, a call fails",
            mode: .shared,
            budgets: Budgets(faults: 1, stale: 2)
        ),
        Scene(
            name: "links",
            about: "a link breaks, an agent crashes, a call fails",
            mode: .shared,
            budgets: Budgets(faults: 1, breaks: 1, agentCrashes: 1)
        ),
        Scene(
            name: "repeats",
            about: "HCP Terraform calls again though it was answered, and a call fails",
            budgets: Budgets(faults: 1, mistakes: 1)
        ),
        Scene(
            name: "never-written",
            about: "a service of which no ledger was ever written",
            jobs: 0,
            beginning: .neverWritten
        ),
        Scene(
            name: "more-held-than-may",
            about: "two agents hold jobs where a person let both start and one may be",
            jobs: 2,
            beginning: .moreJobsHeldThanMay
        ),
        Scene(
            name: "two-jobs",
            about: "two tasks, two jobs, one agent may be",
            jobs: 2,
            isPrompt: true
        ),
        Scene(
            name: "deployment-same",
            about:
                "two idle agents of an older revision; ECS answers an exit with its own revision",
            jobs: 0,
            floor: 2,
            most: 2,
            budgets: Budgets(faults: 1, crashes: 1, deployments: 1),
            beginning: .atWork,
            replacement: .same
        ),
        Scene(
            name: "deployment-primary",
            about: "the same; ECS answers an exit with the newest revision",
            jobs: 0,
            floor: 2,
            most: 2,
            budgets: Budgets(faults: 1, crashes: 1, deployments: 1),
            beginning: .atWork
        ),
        Scene(
            name: "deployment-job-same",
            about: "a deployment beside a job; ECS answers an exit with its own revision",
            floor: 1,
            most: 2,
            budgets: Budgets(faults: 1, crashes: 1, deployments: 1),
            replacement: .same
        ),
        Scene(
            name: "deployment-job-primary",
            about: "the same; ECS answers an exit with the newest revision",
            floor: 1,
            most: 2,
            budgets: Budgets(faults: 1, crashes: 1, deployments: 1)
        ),
        Scene(
            name: "deployment-fails",
            about: "a deployment whose tasks do not get up",
            floor: 1,
            most: 2,
            budgets: Budgets(deployments: 1, failedStarts: 3),
            beginning: .atWork,
            replacement: .same
        ),
        Scene(
            name: "starts-fail",
            about: "agents that crash before they wait for a job",
            budgets: Budgets(agentCrashes: 4),
            agentsFailToStart: true
        ),
        Scene(
            name: "renewed",
            about: "two jobs wait for a task that may have two; a call fails",
            tasks: 1,
            jobs: 2,
            mode: .renewed,
            maxJobs: 2,
            budgets: Budgets(faults: 1),
            beginning: .jobsWait
        ),
        Scene(
            name: "renewed-restarted",
            about: "the same; a sidecar dies",
            tasks: 1,
            jobs: 2,
            mode: .renewed,
            maxJobs: 2,
            budgets: Budgets(crashes: 1),
            beginning: .jobsWait
        ),
        Scene(
            name: "renewed-stopped",
            about: "two jobs wait for a task that renews its container; a person stops it",
            tasks: 1,
            jobs: 2,
            mode: .renewed,
            budgets: Budgets(stops: 1),
            beginning: .jobsWait
        ),
        Scene(
            name: "renewed-links",
            about: "one job waits for such a task; a link breaks",
            tasks: 1,
            mode: .renewed,
            budgets: Budgets(breaks: 1),
            beginning: .jobsWait
        ),
        Scene(
            name: "renewed-alone",
            about: "two jobs; a sidecar dies in its first minute, so that ECS starts none again",
            tasks: 1,
            jobs: 2,
            mode: .renewed,
            budgets: Budgets(crashes: 1),
            beginning: .jobsWait,
            diesForGood: true
        ),
        Scene(
            name: "renewed-deployed",
            about: "one job and an agent always; a deployment, a sidecar dies",
            tasks: 1,
            floor: 1,
            mode: .renewed,
            budgets: Budgets(crashes: 1, deployments: 1),
            beginning: .jobsWait,
            replacement: .same
        ),
        Scene(
            name: "watched",
            about: "HCP Terraform is asked what it takes the agent for, and errs",
            mode: .shared,
            budgets: Budgets(mistakes: 1),
            watches: true
        ),
        Scene(
            name: "deleted",
            about: "a person deletes the service, a call fails",
            floor: 1,
            most: 2,
            budgets: Budgets(faults: 1, deletions: 1)
        ),
        Scene(
            name: "first-minute",
            about: "a sidecar dies in its first minute, so that ECS starts none again",
            floor: 1,
            most: 2,
            budgets: Budgets(crashes: 1),
            diesForGood: true
        ),
        Scene(
            name: "two-jobs-slow",
            about: "two jobs, one agent may be; calls of every kind take their time",
            jobs: 2,
            isDeep: true
        ),
        Scene(
            name: "two-agents",
            about: "two jobs, two agents may be",
            jobs: 2,
            most: 2,
            isDeep: true,
            isPrompt: true
        ),
        Scene(
            name: "more-jobs-than-may",
            about:
                "two agents start where one may be; jobs come at any time; too large to close",
            jobs: 2,
            beginning: .moreJobsThanMay,
            isDeep: true,
            isPrompt: true,
            limit: 12_000_000
        ),
        Scene(
            name: "two-agents-shared",
            about: "two agents, two jobs; an agent stays for the next job",
            jobs: 2,
            most: 2,
            mode: .shared,
            isDeep: true,
            isPrompt: true
        ),
        Scene(
            name: "two-agents-floor",
            about: "two agents, two jobs, one agent always",
            jobs: 2,
            floor: 1,
            most: 2,
            isDeep: true,
            isPrompt: true
        ),
        Scene(
            name: "two-agents-slow",
            about: "two agents, two jobs; calls of every kind take their time; too large to close",
            jobs: 2,
            most: 2,
            isDeep: true,
            limit: 12_000_000
        ),
        Scene(
            name: "two-agents-fault",
            about: "two agents, two jobs, a call fails; too large to close",
            jobs: 2,
            most: 2,
            budgets: Budgets(faults: 1),
            isDeep: true,
            isPrompt: true,
            limit: 12_000_000
        ),
    ]
}
