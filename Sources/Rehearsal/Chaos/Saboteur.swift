import Decisions
import Glibc
import Model

/// Performs a plan's faults on the running rehearsal, each at its time or as soon afterwards as
/// there is something that it can hit.
struct Saboteur: Sendable {
    /// How often a fault looks for something to hit.
    static let look: Duration = .milliseconds(100)

    let plan: FaultPlan
    let calls: CallFaults
    let ecs: ECSStandIn
    let aws: AWSFront
    let endpoint: EndpointProcess
    let journal: PlayJournal
    let time: Timebase
    /// What a task has after a Spot notice.
    let spotMilliseconds: Milliseconds

    /// Returns when the plan's time is over and nothing is frozen any more; calm begins.
    func run() async {
        let start = time.now
        calls.arm(plan.calls)
        await withDiscardingTaskGroup { group in
            for fault in plan.timed {
                group.addTask { await perform(fault, since: start) }
            }
            group.addTask { await sleep(until: start + plan.milliseconds) }
        }
        let missed = calls.disarm()
        guard !Task.isCancelled else { return }
        if !missed.isEmpty {
            let numbers = missed.map { "\($0)" }.joined(separator: ", ")
            journal.record(.note("the calls of these faults never came: \(numbers)"))
        }
        await ecs.mend()
        journal.record(.note("the faults are over; everything has to come to rest"))
    }

    private func perform(_ fault: FaultPlan.TimedFault, since start: Milliseconds) async {
        await sleep(until: start + fault.at)
        while !Task.isCancelled && time.now <= start + plan.milliseconds {
            if await happens(fault, since: start) { return }
            try? await Task.sleep(for: Self.look)
        }
        guard !Task.isCancelled else { return }
        journal.record(.note("fault \(fault.number) found nothing to hit"))
    }

    private func sleep(until instant: Milliseconds) async {
        try? await Task.sleep(for: .milliseconds(max(0, instant - time.now)))
    }

    /// - Returns: false when there is nothing that it could hit.
    private func happens(
        _ fault: FaultPlan.TimedFault,
        since start: Milliseconds
    ) async -> Bool {
        let number = fault.number
        switch fault.deed {
        case .kill(let victim, let index):
            guard let target = await target(victim, index) else { return false }
            note(number, "kill -9 of the \(target.words)")
            doom(target, "fault \(number) killed its \(victim.rawValue)")
            target.signal(SIGKILL)
        case .freeze(let victim, let index, let duration):
            guard let target = await target(victim, index) else { return false }
            await freeze(target, for: duration, number)
        case .loseHost(let index, let delay):
            guard let task = Self.choice(await ecs.livingTasks, index) else { return false }
            note(number, "the host of task \(short(task)) is gone")
            journal.record(.doomed(task, cause: "fault \(number) took its host"))
            await ecs.loseHost(of: task, noticedAfter: delay)
        case .killYoungSidecar(let age):
            guard let young = await ecs.young(PlayNames.sidecar, since: start + fault.at) else {
                return false
            }
            await sleep(until: young.startedAt + age)
            note(number, "kill -9 of the young sidecar of \(short(young.target.task))")
            kill(pid_t(young.target.pid), SIGKILL)
        case .endBadly(let end):
            note(number, "\(fault.deed)")
            await ecs.endBadly(end)
        case .edit(let change):
            note(number, "someone edits desiredCount by \(change)")
            await ecs.edit(by: change)
        case .deploy(let kind):
            note(number, "\(fault.deed)")
            await ecs.deploy(kind)
        case .failStarts(let failure, let duration):
            note(number, "\(fault.deed)")
            await ecs.failStarts(failure, for: duration)
        case .stopTask(let index):
            guard let task = Self.choice(await ecs.livingTasks, index) else { return false }
            note(number, "a person stops task \(short(task))")
            await ecs.stopTask(task)
        case .spot(let index):
            guard let task = Self.choice(await ecs.livingTasks, index) else { return false }
            note(number, "a Spot notice for task \(short(task))")
            await ecs.interrupt(task, grace: spotMilliseconds)
        case .end(let ending):
            note(number, "\(fault.deed)")
            switch ending {
            case .deletion: await ecs.delete()
            case .limits: await aws.endLimits()
            }
        }
        return true
    }

    private func freeze(_ target: Target, for duration: Milliseconds, _ number: Int) async {
        note(number, "the \(target.words) is frozen for \(tenths(Double(duration) / 1000)) s")
        if target.victim == .agent, duration > TerraformStandIn.patience.whole {
            doom(target, "fault \(number) froze its agent until HCP Terraform gave it up")
        }
        let started = Leftovers.start(of: target.pid)
        target.signal(SIGSTOP)
        try? await Task.sleep(for: .milliseconds(duration))
        // By now the number may be a stranger's.
        guard started != nil, Leftovers.start(of: target.pid) == started else { return }
        target.signal(SIGCONT)
        note(number, "the \(target.words) goes on")
    }

    /// An agent ends with its container, whose first process is the launcher.
    private func doom(_ target: Target, _ cause: String) {
        guard let task = target.task, target.victim == .agent || target.victim == .launcher else {
            return
        }
        journal.record(.doomed(task, cause: cause))
    }

    private func note(_ number: Int, _ text: String) { journal.record(.fault(number, text)) }

    // MARK: - Targets

    private struct Target: Sendable {
        var victim: Victim
        var task: TaskID?
        var pid: Int

        var words: String {
            task.map { "\(victim.rawValue) of task \(short($0)), pid \(pid)" }
                ?? "\(victim.rawValue), pid \(pid)"
        }

        func signal(_ number: Int32) { kill(pid_t(pid), number) }
    }

    private func target(_ victim: Victim, _ index: Int) async -> Target? {
        let found: [ECSStandIn.Target]
        switch victim {
        case .endpoint: return endpoint.pid.map { Target(victim: victim, task: nil, pid: $0) }
        case .sidecar: found = await ecs.targets(PlayNames.sidecar)
        case .launcher: found = await ecs.targets(PlayNames.agent)
        case .agent: found = await ecs.agentTargets
        }
        return Self.choice(found, index).map { Target(victim: victim, task: $0.task, pid: $0.pid) }
    }

    static func choice<Element>(_ all: [Element], _ index: Int) -> Element? {
        all.isEmpty ? nil : all[index % all.count]
    }
}
