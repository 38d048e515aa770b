/// Milliseconds of a monotonic clock since the rehearsal began.
typealias Milliseconds = Int

/// A task's id: the last path component of its ARN, 32 hexadecimal digits.
typealias TaskID = String

/// The life of one ECS task, as a value: what happened goes in, what is to be done comes out.
///
/// Rules are those of the ECS developer guide (task-lifecycle-explanation, container-restart-policy,
/// task_definition_parameters): a container starts when its `dependsOn` conditions hold, an
/// essential container's end stops the task, and stopping runs in reversed `dependsOn` order.
struct TaskLife: Sendable {
    enum State: String, Sendable, Comparable {
        case provisioning = "PROVISIONING"
        case pending = "PENDING"
        case running = "RUNNING"
        case deactivating = "DEACTIVATING"
        case stopping = "STOPPING"
        case stopped = "STOPPED"

        private var order: Int {
            switch self {
            case .provisioning: 0
            case .pending: 1
            case .running: 2
            case .deactivating: 3
            case .stopping: 4
            case .stopped: 5
            }
        }
        static func < (left: State, right: State) -> Bool { left.order < right.order }
    }

    enum Action: Equatable, Sendable {
        case start(String)
        case checkHealth(String)
        /// SIGTERM: the container's stop signal.
        case terminate(String)
        /// SIGKILL: `stopTimeout` is over.
        case kill(String)
    }

    let speed: Speed
    /// When the task's infrastructure is ready and its containers may start.
    let readyAt: Milliseconds
    private(set) var state = State.provisioning
    private(set) var containers: [Container]
    /// Why the task stops, in ECS's words (`stopCode`), and in a sentence; `nil` while it lives.
    private(set) var stop: (code: String, reason: String)?
    private(set) var everRan = false
    /// How long a container has between SIGTERM and SIGKILL when the task's stop says so, instead
    /// of its `stopTimeout`.
    private var grace: Milliseconds?
    /// When ECS notices that the task's host is gone, with everything that ran there.
    private var hostLossNoticedAt: Milliseconds?

    init(_ definition: TaskDefinition, readyAt: Milliseconds, speed: Speed) {
        containers = definition.containerDefinitions.map { Container(definition: $0) }
        self.readyAt = readyAt
        self.speed = speed
    }

    /// What is to be done now. Call it after every event and on every tick.
    mutating func step(at now: Milliseconds) -> [Action] {
        if let noticed = hostLossNoticedAt {
            if now >= noticed { noticeHostLoss() }
            return []
        }
        return stop == nil ? starting(at: now) : stopping(at: now)
    }

    mutating func started(_ name: String, pid: Int, at now: Milliseconds) {
        let speed = speed
        change(name) { container in
            container.pid = pid
            container.startedAt = now
            container.finishedAt = nil
            container.nextCheckAt = container.nextCheck(after: now, speed)
        }
        guard stop == nil else { return }
        if containers.allSatisfy(\.hasStarted) {
            state = .running
            everRan = true
        }
    }

    mutating func exited(_ name: String, code: Int, at now: Milliseconds) {
        change(name) { container in
            container.isUp = false
            container.pid = nil
            container.exitCode = code
            container.finishedAt = now
            container.nextCheckAt = nil
            container.checkRunning = false
        }
        guard stop == nil, hostLossNoticedAt == nil, let container = container(name) else { return }
        if mayRestart(container, at: now) {
            change(name) {
                $0.restarts += 1
                $0.exitCode = nil
            }
            return
        }
        if container.definition.isEssential {
            stop(
                code: "EssentialContainerExited",
                reason: "essential container \(name) exited with code \(code)"
            )
        } else if hasWaiting(on: name, until: .healthy) {
            stop(code: "TaskFailedToStart", reason: "\(name) exited before it was healthy")
        }
    }

    mutating func checked(_ name: String, healthy: Bool, at now: Milliseconds) {
        let speed = speed
        change(name) { container in
            container.checkRunning = false
            guard container.isUp, let check = container.definition.healthCheck else { return }
            defer { container.nextCheckAt = container.nextCheck(after: now, speed) }
            if healthy {
                container.failedChecks = 0
                container.health = .healthy
            } else if now - (container.startedAt ?? now) >= (check.startPeriod ?? 0) * 1000 {
                container.failedChecks += 1
                if container.failedChecks >= check.retries ?? 3 { container.health = .unhealthy }
            }
        }
        guard stop == nil, hostLossNoticedAt == nil, let container = container(name),
            container.health == .unhealthy
        else { return }
        // Only an essential container's health is the task's; a dependent that has not started
        // never will.
        if hasWaiting(on: name, until: .healthy) {
            stop(code: "TaskFailedToStart", reason: "\(name) is unhealthy, others wait for it")
        } else if container.definition.isEssential {
            stop(code: "ServiceSchedulerInitiated", reason: "\(name) failed its health check")
        }
    }

    /// ECS decides to end the task; a task that is already ending keeps its first reason.
    ///
    /// - Parameter grace: time between SIGTERM and SIGKILL for each container instead of its
    ///   `stopTimeout`.
    mutating func stop(code: String, reason: String, grace: Milliseconds? = nil) {
        guard stop == nil else { return }
        stop = (code, reason)
        state = .deactivating
        self.grace = grace
    }

    /// The host is gone, and all processes with it, without a signal. Until ECS notices it shows
    /// the task as it was.
    mutating func loseHost(noticedAt: Milliseconds) {
        hostLossNoticedAt = hostLossNoticedAt ?? noticedAt
    }

    private mutating func noticeHostLoss() {
        stop = stop ?? ("TerminationNotice", "the host is gone")
        for index in containers.indices {
            containers[index].isUp = false
            containers[index].pid = nil
        }
        state = .stopped
    }

    func container(_ name: String) -> Container? {
        containers.first { $0.definition.name == name }
    }

    // MARK: - Steps

    private mutating func starting(at now: Milliseconds) -> [Action] {
        guard now >= readyAt else { return [] }
        if state == .provisioning { state = .pending }
        var actions: [Action] = []
        for index in containers.indices {
            let container = containers[index]
            let name = container.definition.name
            if !container.isUp && !container.isOver && dependenciesHold(container) {
                containers[index].isUp = true
                containers[index].health = .unknown
                containers[index].failedChecks = 0
                actions.append(.start(name))
            } else if container.pid != nil, !container.checkRunning,
                let due = container.nextCheckAt, now >= due
            {
                containers[index].checkRunning = true
                actions.append(.checkHealth(name))
            }
        }
        return actions
    }

    private mutating func stopping(at now: Milliseconds) -> [Action] {
        var actions: [Action] = []
        for index in containers.indices {
            let container = containers[index]
            guard container.pid != nil, !dependentLives(container) else { continue }
            let name = container.definition.name
            if let since = container.terminatedAt {
                let limit = grace ?? (container.definition.stopTimeout ?? 30) * 1000
                if now - since >= limit && !container.killed {
                    containers[index].killed = true
                    actions.append(.kill(name))
                }
            } else {
                state = .stopping
                containers[index].terminatedAt = now
                actions.append(.terminate(name))
            }
        }
        if !containers.contains(where: \.isUp) { state = .stopped }
        return actions
    }

    private func mayRestart(_ container: Container, at now: Milliseconds) -> Bool {
        guard let policy = container.definition.restartPolicy, policy.enabled,
            let code = container.exitCode, !(policy.ignoredExitCodes ?? []).contains(code)
        else { return false }
        let ran = now - (container.startedAt ?? now)
        return ran >= (policy.restartAttemptPeriod ?? 300) * 1000 / speed.restarts
    }

    private func dependenciesHold(_ container: Container) -> Bool {
        // Evaluated when the task starts; a container that restarts is not held back again.
        if container.hasStarted { return true }
        return (container.definition.dependsOn ?? []).allSatisfy { dependency in
            guard let other = self.container(dependency.containerName) else { return false }
            switch dependency.condition {
            case .start: return other.hasStarted
            case .healthy: return other.health == .healthy
            }
        }
    }

    private func hasWaiting(on name: String, until condition: TaskDefinition.Condition) -> Bool {
        containers.contains { other in
            !other.hasStarted
                && (other.definition.dependsOn ?? []).contains {
                    $0.containerName == name && $0.condition == condition
                }
        }
    }

    private func dependentLives(_ container: Container) -> Bool {
        containers.contains { other in
            other.isUp
                && (other.definition.dependsOn ?? []).contains {
                    $0.containerName == container.definition.name
                }
        }
    }

    private mutating func change(_ name: String, _ body: (inout Container) -> Void) {
        guard let index = containers.firstIndex(where: { $0.definition.name == name }) else {
            return
        }
        body(&containers[index])
    }
}
