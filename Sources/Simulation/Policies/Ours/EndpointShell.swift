import Decisions
import Model

/// The scale-up endpoint of one pool: several instances, as functions or servers are, and the
/// sweep, which one of them does each minute.
final class EndpointShell {
    private let instances: [EndpointInstance]
    private let sweep: SweepShell
    private unowned let world: World
    private var outage = Outage()

    init(_ installation: Installation) {
        world = installation.world
        let instances = (1...world.setup.endpoints).map {
            EndpointInstance(installation, number: $0)
        }
        self.instances = instances
        sweep = SweepShell(installation, announcer: instances[0])
        planSweep()
    }

    private var isAway: Bool {
        world.isAway(&outage, .endpointOutages)
    }

    private var anyInstance: EndpointInstance {
        instances.count == 1 ? instances[0] : world.chance.pick(instances)
    }

    /// A post stage: ends jobs that are over and that no agent holds. It is passed whatever comes
    /// of it.
    func close(_ jobs: [Job], done: @escaping (Bool) -> Void) {
        guard !isAway else { return world.after(1.seconds...5.seconds) { done(false) } }
        done(true)
        anyInstance.close(jobs)
    }

    /// - Parameter done: false for a 503 and for no answer at all.
    func announce(_ job: Job, closing closed: [Job], done: @escaping (Bool) -> Void) {
        guard !isAway else { return world.after(1.seconds...5.seconds) { done(false) } }
        if world.isPrompted {
            return instance(for: job).announce([job], closing: closed, done: done)
        }
        // A request ends after 8 s whatever becomes of it (`Endpoint.budget`).
        var isAnswered = false
        let answer = { (fine: Bool) in
            guard !isAnswered else { return }
            isAnswered = true
            done(fine)
        }
        world.after(8.seconds) { answer(false) }
        anyInstance.announce([job], closing: closed, done: answer)
    }

    /// Each job's call has an instance of its own in a script.
    private func instance(for job: Job) -> EndpointInstance {
        let number = job.id.split(separator: "-").last.flatMap { Int($0) } ?? 1
        return instances[min(number, instances.count) - 1]
    }

    func runSweep() { sweep.run() }

    private func planSweep() {
        world.after(1.minutes) { [self] in
            if !world.isPrompted, !isAway { sweep.run() }
            planSweep()
        }
    }
}
