import Decisions
import Testing

/// ECS's own words: those of its developer guide, and of production accounts.
@Suite("Start obstacles")
struct StartObstacleTests {
    private static let told: [(String, StartObstacle)] = [
        (
            "CannotPullContainerError: inspect image has been retried 5 time(s): httpReadSeeker: failed "
                + "open: unexpected status code https://registry-1.docker.io/v2/hashicorp/tfc-agent/"
                + "manifests/sha256:0123: 429 Too Many Requests - Server message: toomanyrequests: You "
                + "have reached your pull rate limit.",
            .pullsLimited
        ),
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
                + "resolve ref: pull access denied",
            .imageRefused
        ),
        (
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to "
                + "resolve ref registry.example.com/agent:9: not found",
            .imageNotFound
        ),
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform "
                + "'linux/amd64'",
            .imageNotFound
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot "
                + "pull registry auth from Amazon ECR: There is a connection issue between the task and "
                + "Amazon ECR. Check your task network configuration. operation error ECR: "
                + "GetAuthorizationToken, exceeded maximum number of attempts, 3, https response error "
                + "StatusCode: 0, RequestID: , request send failed, dial tcp 203.0.113.40:443: i/o "
                + "timeout.",
            .noRoute
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: the parameter of a "
                + "secret was not found",
            .secretMissing
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
                + "retrieval failed: AccessDeniedException: User is not authorized to perform: "
                + "ssm:GetParameters",
            .secretDenied
        ),
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been "
                + "retried 1 times: The specified log group does not exist",
            .logGroupMissing
        ),
        ("Timeout waiting for network interface provisioning to complete.", .noNetwork),
        (
            "Unexpected EC2 error while attempting to Create Network Interface with public IP "
                + "assignment enabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet",
            .noAddress
        ),
        (
            "Rate limit exceeded while preparing network interface to be attached to instance",
            .throttled
        ),
        ("Timeout waiting for EphemeralStorage provisioning to complete", .other),
    ]

    @Test("a stopped task's words tell why it did not start", arguments: told)
    func stopped(reason: String, obstacle: StartObstacle) {
        #expect(StartObstacle(stopCode: "TaskFailedToStart", reason: reason) == obstacle)
        #expect(StartObstacle(stopCode: nil, reason: reason) == obstacle)
    }

    @Test(
        "a task that ran, or that somebody stopped, is no failed start",
        arguments: [
            ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
            ("EssentialContainerExited", "Essential container in task exited"),
            ("TerminationNotice", "Your Spot Task was interrupted."),
            ("UserInitiated", "Task stopped by user"),
        ]
    )
    func ran(code: String, reason: String) {
        #expect(StartObstacle(stopCode: code, reason: reason) == nil)
    }

    @Test(
        "a container that does not deliver the launcher, and words that nobody knows, are failed starts"
    )
    func others() {
        let failed =
            "CannotStartContainerError: dependency graph: failed to resolve container ordering "
            + "dependency [launcher-delivery(image) (STOPPED->RUNNING) - Exit: 1]"
        let slow = "ContainerRuntimeTimeoutError: launcher-delivery"
        for reason in [failed, slow] {
            #expect(StartObstacle(stopCode: "TaskFailedToStart", reason: reason) == .undelivered)
        }
        #expect(StartObstacle(stopCode: "TaskFailedToStart", reason: "Gremlins") == .other)
    }

    @Test(
        "a service's event tells why no task was made",
        arguments: [
            ("number of vCPUs you can run concurrently.", StartObstacle.cpuQuota),
            ("number of tasks you can run concurrently.", .taskQuota),
        ]
    )
    func quotas(words: String, obstacle: StartObstacle) {
        let event =
            "(service example-agents) was unable to place a task. Reason: You've reached the limit "
            + "on the " + words
        #expect(StartObstacle(event: event) == obstacle)
    }

    @Test("other events of a service tell of capacity and throttling, or of no failure at all")
    func events() {
        let capacity =
            "(service a) was unable to place a task. Reason: Capacity is unavailable at this time. "
            + "Please try again later or in a different availability zone."
        #expect(StartObstacle(event: capacity) == .noCapacity)
        let throttled = "(service a) operations are being throttled. Will try again later."
        #expect(StartObstacle(event: throttled) == .throttled)
        for text in [
            "(service a) has started 2 tasks: (task 1) (task 2).",
            "(service a) has reached a steady state.",
            "(service a) is unable to consistently start tasks successfully.", "",
        ] {
            #expect(StartObstacle(event: text) == nil)
        }
    }
}
