import Decisions
import Model

/// One world for all that differ only in what decides nothing: the ends of tasks that are gone,
/// and which of two tasks is the first.
extension Explorer {
    func normalise() {
        // Who holds a number of the counters by which updates of the service are told apart, and
        // who may yet book one.
        var (followers, bookers) = (0, 0)
        for job in jobs {
            if world.jobs[job].flow != 0 { followers += 1 }
            if world.jobs[job].announcement != 0 { bookers += 1 }
        }
        for task in tasks {
            let state = world.tasks[task]
            if state.flow != 0, flows[state.flow].books {
                followers += 1
            } else if state.move != 0 {
                bookers += 1
            }
        }
        let isFollowed = followers > 0
        if !isFollowed { countAnew() }
        world.ledger = ledgers.tidied(
            world.ledger,
            gone: vacant & ~listedSomewhere
        )
        // A call that begins later finds the booking passed.
        if followers + bookers < 2 {
            if ledgers.facts(of: world.ledger).isBooked { script?.append(.init(.bookingPasses)) }
            world.ledger = ledgers.unbooked(world.ledger)
        }
        if world.left.stale == 0 {
            world.serviceBefore = 0
        }
        if service.isSettled, scene.deploys {
            world.replacements = 0
            if world.left.deployments == 0 { world.ledger = ledgers.settled(world.ledger) }
        }
        if !scene.deploys { world.replacements = 0 }
        if isCalm { world.flags.insert(.wasCalm) }
        nameLeast()
    }

    /// Nobody holds one of the counters' numbers but sidecars that have yet to project: what they
    /// changed last is followed or not.
    private func countAnew() {
        let followed = UInt8(ledgers[world.ledger].followed)
        for task in tasks where world.tasks[task].move != 0 {
            // The service may have followed it already, of which a first reading tells.
            world.tasks[task].move = world.tasks[task].move > followed ? 2 : 1
        }
        world.ledger = ledgers.countedAnew(world.ledger)
    }

    /// Of two tasks the one that comes first is the first. A sweep's change names both.
    private func nameLeast() {
        hasSwapped = false
        guard scene.tasks == 2, world.sweepChange.value == 0 else { return }
        var other = world
        other.tasks[0] = world.tasks[1]
        other.tasks[1] = world.tasks[0]
        other.ledger = ledgers.swapped(world.ledger)
        other.service = services.after(.swap, 0, world.service).service
        if world.serviceBefore != 0 {
            other.serviceBefore = services.after(.swap, 0, world.serviceBefore).service
        }
        for task in 0..<2 {
            other.tasks[task].change.live = Ledgers.swapped(other.tasks[task].change.live)
        }
        other.sweepChange.live = Ledgers.swapped(world.sweepChange.live)
        guard SmallWorld.comesBefore(other, world) else { return }
        world = other
        numberedTasks.swapAt(0, 1)
        hasSwapped = true
    }
}
