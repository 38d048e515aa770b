import Decisions
import Model

/// The flow of `Sweeper` in virtual time.
final class SweepShell {
    private let installation: Installation
    private let announcer: EndpointInstance
    private let projector: ProjectorShell
    private let process = Process(.sweep)
    private unowned let world: World
    private var isRunning = false

    /// As in `Sweep.room`.
    private static let room = 4_000

    init(_ installation: Installation, announcer: EndpointInstance) {
        self.installation = installation
        self.announcer = announcer
        world = installation.world
        projector = ProjectorShell(
            store: installation.store,
            service: installation.service,
            process
        )
    }

    private var service: Service { installation.service }

    /// One that comes while another is under way shares it.
    func run() {
        guard !isRunning else { return }
        isRunning = true
        tidy(live: nil) { [self] ledger in
            guard let ledger else {
                isRunning = false
                return
            }
            guard ledger.needsList(at: world.wallTime()) else { return search(ledger) }
            service.list(by: process.caller(.list)) { [self] live in
                guard let live else { return search(ledger) }
                tidy(live: live) { [self] in search($0 ?? ledger) }
            }
        }
    }

    private func tidy(live: Set<TaskID>?, _ done: @escaping (Ledger?) -> Void) {
        let finished = finishedJobs()
        let foresees = world.setup.foresees
        installation.store.change(by: nil, process, skew: 0) { ledger, limits, now in
            ledger.tidy(
                live: live,
                finished: foresees ? finished.union(Foresight.over(ledger, at: now)) : finished,
                patience: nil,
                at: now,
                limits
            )
        } done: { result in
            if case .success(let change) = result { done(change.ledger) } else { done(nil) }
        }
    }

    private func finishedJobs() -> Set<Job> {
        guard world.setup.hasToken else { return [] }
        return installation.finishedJobs(over: world.setup.patience)
    }

    private func search(_ ledger: Ledger) {
        search(unknownTo: ledger) { [self] in repair() }
    }

    private func search(unknownTo ledger: Ledger, _ done: @escaping () -> Void) {
        guard world.setup.hasToken else { return done() }
        world.tally.calls.hcpTerraform += 1
        world.after(150...600) { [self] in
            // The ledger was read first, as `Sweep` demands.
            let space = max(0, Self.room - ledger.jobs.count)
            let jobs = installation.pool.openRuns.compactMap(\.waitingJob)
                .filter { ledger.jobs[$0] == nil }
            guard !jobs.isEmpty else { return done() }
            announcer.announce(Array(jobs.prefix(space))) { _ in done() }
        }
    }

    private func repair() {
        service.describe { [self] counts in
            guard let counts else {
                isRunning = false
                return
            }
            projector.project(nil, counts: counts) { [self] _ in isRunning = false }
        }
    }
}
