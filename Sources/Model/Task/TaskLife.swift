/// The life of one ECS task, as a value: what happened goes in, what is to be done comes out.
///
/// Rules are those of the ECS developer guide (task-lifecycle-explanation, container-restart-policy,
/// task_definition_parameters): a container starts when its `dependsOn` conditions hold, an
/// essential container's end stops the task, and stopping runs in reversed `dependsOn` order.
package struct TaskLife: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, Comparable {
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
        package static func < (left: State, right: State) -> Bool { left.order < right.order }
    }

    package enum Action: Hashable, Sendable {
        case start(String)
        case checkHealth(String)
        /// SIGTERM: the container's stop signal.
        case terminate(String)
        /// SIGKILL: `stopTimeout` is over.
        case kill(String)
    }

    /// How much shorter than on ECS the restart attempt period is, so that a rehearsal of a minute
    /// contains what takes ECS ten. Nothing else is scaled: timeouts guard against a slow machine,
    /// and this one may be.
    package let restartSpeed: Int
    /// When the task's infrastructure is ready and its containers may start.
    package let readyAt: Milliseconds
    package private(set) var state = State.provisioning
    package private(set) var containers: [Container]
    /// Why the task stops; nil while it lives.
    package private(set) var stop: Stop?
    package private(set) var everRan = false
    /// Why it never gets further than ``readyAt``; nil when it does.
    private let failure: StartFailure?
    /// How long a container has between SIGTERM and SIGKILL when the task's stop says so, instead
    /// of its `stopTimeout`.
    private var grace: Milliseconds?
    /// When ECS notices that the task's host is gone, with everything that ran there.
    private var hostLossNoticedAt: Milliseconds?

    /// - Parameter failure: what becomes of it when it is ready; with ``StartFailure/undelivered``
    ///   its containers start, and those fail whose success is waited for.
    package init(
        _ containers: [ContainerDefinition],
        readyAt: Milliseconds,
        restartSpeed: Int = 1,
        failure: StartFailure? = nil
    ) {
        self.containers = containers.map { Container(definition: $0) }
        self.readyAt = readyAt
        self.restartSpeed = restartSpeed
        self.failure = failure
    }

    /// What is to be done now. Call it after every event, and when ``nextAt`` has come.
    package mutating func step(at now: Milliseconds) -> [Action] {
        if let noticed = hostLossNoticedAt {
            if now >= noticed { noticeHostLoss() }
            return []
        }
        if stop == nil { failIfDue(at: now) }
        return stop == nil ? starting(at: now) : stopping(at: now)
    }

    package mutating func started(_ name: String, pid: Int, at now: Milliseconds) {
        change(name) { container in
            container.pid = pid
            container.startedAt = now
            container.finishedAt = nil
            container.nextCheckAt = container.definition.health.map { now + $0.interval }
        }
        guard stop == nil else { return }
        if containers.allSatisfy(\.hasStarted) {
            state = .running
            everRan = true
        }
    }

    package mutating func exited(_ name: String, code: Int, at now: Milliseconds) {
        let isUndelivered = failure == .undelivered && waiting(on: name).contains(.success)
        let code = isUndelivered ? max(code, 1) : code
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
            stop(.essentialExited)
        } else {
            failWaiting(on: name)
        }
    }

    /// A dependent that has not started never will.
    private mutating func failWaiting(on name: String) {
        guard let container = container(name) else { return }
        let isFailed = waiting(on: name).contains { container.fails($0) }
        if isFailed { stop(.dependencyFailed(name)) }
    }

    package mutating func checked(_ name: String, healthy: Bool, at now: Milliseconds) {
        change(name) { container in
            container.checkRunning = false
            guard container.isUp, let check = container.definition.health else { return }
            defer { container.nextCheckAt = now + check.interval }
            if healthy {
                container.failedChecks = 0
                container.health = .healthy
            } else if now - (container.startedAt ?? now) >= check.startPeriod {
                container.failedChecks += 1
                if container.failedChecks >= check.retries { container.health = .unhealthy }
            }
        }
        guard stop == nil, hostLossNoticedAt == nil, let container = container(name),
            container.health == .unhealthy
        else { return }
        failWaiting(on: name)
        // Only an essential container's health is the task's.
        if stop == nil, container.definition.isEssential { stop(.unhealthy) }
    }

    /// Somebody decides to end the task; one that is already ending keeps its first reason.
    ///
    /// - Parameter grace: time between SIGTERM and SIGKILL for each container instead of its
    ///   `stopTimeout`.
    package mutating func stop(_ reason: Stop, grace: Milliseconds? = nil) {
        guard stop == nil else { return }
        stop = reason
        state = .deactivating
        self.grace = grace
    }

    /// The host is gone, and all processes with it, without a signal. Until ECS notices it shows
    /// the task as it was.
    package mutating func loseHost(noticedAt: Milliseconds) {
        hostLossNoticedAt = hostLossNoticedAt ?? noticedAt
    }

    private mutating func noticeHostLoss() {
        stop = stop ?? .hostLost
        for index in containers.indices {
            containers[index].isUp = false
            containers[index].pid = nil
        }
        state = .stopped
    }

    package func container(_ name: String) -> Container? {
        containers.first { $0.definition.name == name }
    }

    // MARK: - Time

    /// When something is to be done though nothing happens until then; nil when nothing is.
    package var nextAt: Milliseconds? {
        if let hostLossNoticedAt { return state == .stopped ? nil : hostLossNoticedAt }
        guard state != .stopped else { return nil }
        if state == .provisioning { return readyAt }
        var next: Milliseconds?
        for container in containers {
            if let at = stop == nil ? nextWhileStarting(container) : killDue(container) {
                next = min(next ?? at, at)
            }
        }
        return next
    }

    private func nextWhileStarting(_ container: Container) -> Milliseconds? {
        let check = container.checkRunning ? nil : container.nextCheckAt
        let limit = startLimit(container)
        guard let check, let limit else { return check ?? limit }
        return min(check, limit)
    }

    /// Until when others wait for what has not come of it yet.
    private func startLimit(_ container: Container) -> Milliseconds? {
        guard let timeout = container.definition.startTimeout, let started = container.startedAt,
            waiting(on: container.definition.name).contains(where: { !container.meets($0) })
        else { return nil }
        return started + timeout
    }

    private func killDue(_ container: Container) -> Milliseconds? {
        guard container.pid != nil, !container.killed, let since = container.terminatedAt else {
            return nil
        }
        return since + (grace ?? container.definition.stopTimeout)
    }

    // MARK: - Steps

    private mutating func failIfDue(at now: Milliseconds) {
        if let failure, failure != .undelivered, now >= readyAt { return stop(failure.stop) }
        for container in containers {
            if let limit = startLimit(container), now >= limit {
                return stop(.startTimeout(container.definition.name))
            }
        }
    }

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
            if let due = killDue(container) {
                guard now >= due else { continue }
                containers[index].killed = true
                actions.append(.kill(name))
            } else if container.terminatedAt == nil {
                state = .stopping
                containers[index].terminatedAt = now
                actions.append(.terminate(name))
            }
        }
        if !containers.contains(where: \.isUp) { state = .stopped }
        return actions
    }

    private func mayRestart(_ container: Container, at now: Milliseconds) -> Bool {
        guard let policy = container.definition.restart, let code = container.exitCode,
            !policy.ignoredExitCodes.contains(code)
        else { return false }
        let ran = now - (container.startedAt ?? now)
        return ran >= policy.attemptPeriod / restartSpeed
    }

    private func dependenciesHold(_ container: Container) -> Bool {
        // Evaluated when the task starts; a container that restarts is not held back again.
        if container.hasStarted { return true }
        return container.definition.dependsOn.allSatisfy { dependency in
            self.container(dependency.container)?.meets(dependency.condition) ?? false
        }
    }

    /// What those wait for that have not started yet.
    private func waiting(on name: String) -> [ContainerDefinition.Condition] {
        containers.filter { !$0.hasStarted }.flatMap(\.definition.dependsOn)
            .filter { $0.container == name }.map(\.condition)
    }

    private func dependentLives(_ container: Container) -> Bool {
        containers.contains { other in
            other.isUp
                && other.definition.dependsOn.contains {
                    $0.container == container.definition.name
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
