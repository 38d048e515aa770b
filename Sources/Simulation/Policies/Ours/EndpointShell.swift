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
        let instances = (0..<world.setup.endpoints).map { _ in EndpointInstance(installation) }
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

    private func planSweep() {
        world.after(1.minutes) { [self] in
            if !isAway { sweep.run() }
            planSweep()
        }
    }
}
