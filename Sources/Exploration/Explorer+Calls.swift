import Decisions

/// Changes of the ledger, projections and the endpoint's calls, each a transition at a time.
extension Explorer {
    // MARK: Changes

    private func change(_ who: Int) -> ChangeState {
        who == theSweep ? world.sweepChange : world.tasks[who].change
    }

    private func setChange(_ who: Int, _ change: ChangeState) {
        if who == theSweep { world.sweepChange = change } else { world.tasks[who].change = change }
    }

    func performChange(_ transition: Transition) {
        let who = transition.index
        if transition.fate == .stale {
            spend(\.stale)
        } else if transition.fate != .answered {
            spend(\.faults)
        }
        switch transition.kind {
        case .list:
            guard transition.fate != .failedBefore else { return fail(who) }
            var change = change(who)
            change.live = seen(transition.fate).listed
            change.phase = .read
            setChange(who, change)
        case .byItself: byItself(who, transition.fate)
        case .read:
            guard transition.fate == .answered else { return fail(who) }
            read(who)
        case .write: write(who, transition.fate)
        case .look:
            guard transition.fate == .answered else {
                return go(who, changes.missed(change(who).value))
            }
            read(who)
        default: raise(who, transition.fate)
        }
    }

    private func read(_ who: Int) {
        let isTask = who != theSweep
        go(
            who,
            changes.read(
                change(who),
                of: isTask ? who : nil,
                world.ledger,
                desired: UInt8(service.desired),
                hasPredecessor: isTask && world.tasks[who].flags.contains(.hasPredecessor)
            )
        )
    }

    private func go(_ who: Int, _ progress: ChangeProgress) {
        switch progress {
        case .under(let phase, let value):
            var change = change(who)
            change.phase = phase
            change.value = value
            change.flags.remove(.isStale)
            setChange(who, change)
            if phase == .look, broken == .secondLook { go(who, changes.missed(value)) }
        case .over(let observation, let ledger, let sizeChanged):
            if who != theSweep, sizeChanged {
                world.tasks[who].move = ledgers.facts(of: world.ledger).moves
            }
            end(who, observation, ledgers.view(ledger, countedAs: world.ledger))
        }
    }

    private func end(_ who: Int, _ observation: UInt16, _ view: UInt16) {
        let lists = change(who).flags.contains(.lists)
        setChange(who, ChangeState())
        if who == theSweep { return sweepTidied(lists: lists) }
        observe(who, observation, view: view)
    }

    private func fail(_ who: Int) {
        let (operation, value) = (change(who).operation, change(who).value)
        setChange(who, ChangeState())
        guard who != theSweep else { return }
        switch minds.operations[operation] {
        case .report(let job, _, _, _) where broken == .forgetReport:
            observe(who, minds.observation(.booked(.reported(job), sizeChanged: false)))
        case .expose where broken == .forgetExpose:
            observe(who, known.ledgerFailed)
            observe(who, minds.observation(.booked(.covered, sizeChanged: false)))
        case _ where value != 0 && changes[value].change.isUnclear:
            world.tasks[who].move = 0
            observe(who, known.ledgerUnclear)
        default: observe(who, known.ledgerFailed)
        }
    }

    /// - Returns: the ledger with the job's item; nil when another task has it.
    private func putByItself(_ who: Int) -> UInt16? {
        let operation = change(who).operation
        return ledgers.put(
            Ledgers.Edit.byItself | UInt64(operation) << 2 | UInt64(who),
            to: world.ledger,
            minds.operations[operation]
                .byItself(of: Small.taskIDs[who], at: Small.wallNow)
        )
    }

    private func byItself(_ who: Int, _ fate: Transition.Fate) {
        var fits = false
        if fate != .failedBefore, let ledger = putByItself(who) {
            setLedger(ledger, .nothing, by: who)
            fits = true
        }
        guard fate == .answered else { return fail(who) }
        var change = change(who)
        guard fits, case .report(let job, _, _, _) = minds.operations[change.operation] else {
            change.phase = .read
            return setChange(who, change)
        }
        setChange(who, ChangeState())
        observe(who, minds.observation(.booked(.reported(job), sizeChanged: false)))
    }

    private func write(_ who: Int, _ fate: Transition.Fate) {
        switch fate {
        case .failedBefore: fail(who)
        case .lost: unclear(who, isMine: false)
        default:
            let value = change(who).value
            guard commit(who) else {
                if fate == .failedAfter { return unclear(who, isMine: false) }
                var change = change(who)
                change.value = changes.lost(value)
                change.phase = .read
                return setChange(who, change)
            }
            if fate == .failedAfter {
                unclear(who, isMine: changes.isCounted(value))
            } else {
                go(who, changes.wrote(value))
            }
        }
    }

    /// - Returns: whether its conditions held.
    private func commit(_ who: Int) -> Bool {
        let change = change(who)
        let isStale = change.flags.contains(.isStale)
        let before = world.ledger
        guard let write = changes[change.value].write else {
            preconditionFailure("nothing to write")
        }
        let result = ledgers.commit(
            change.value,
            write,
            of: who == theSweep ? nil : who,
            to: before,
            isStale: isStale
        )
        guard let after = result.ledger else { return false }
        if result.isCounted { checkWrite(from: before, to: after, by: who, isStale: isStale) }
        setLedger(after, result.isCounted ? .version : .nothing, by: who)
        tell?("the ledger: \(ledgers.describe(after))")
        return true
    }

    private func unclear(_ who: Int, isMine: Bool) {
        var change = change(who)
        change.value = changes.gotNoAnswer(change.value)
        change.phase = .read
        if isMine { change.flags.insert(.isMine) } else { change.flags.remove(.isMine) }
        change.flags.remove(.isStale)
        setChange(who, change)
    }

    private func raise(_ who: Int, _ fate: Transition.Fate) {
        let value = change(who).value
        guard case .raise(let size, _) = changes[value].place else { return }
        let isStale = change(who).flags.contains(.isStale)
        if fate != .failedBefore, !isStale { raise(to: size, by: who) }
        let now = fate == .answered ? world.ledger : nil
        go(who, changes.raised(value, now, isStale: isStale))
    }

    /// - Returns: whether an update was booked with it.
    @discardableResult
    private func raise(to size: Int, by who: Int?, books: Bool = false) -> Bool {
        let raise = ledgers.raise(world.ledger, to: size, books: books)
        setLedger(raise.0, raise.didRaise ? .size : .nothing, by: who)
        return raise.isBooked
    }

    /// The write of a sidecar that has just died arrives all the same.
    func land(_ who: Int) {
        if change(who).phase == .byItself {
            guard let ledger = putByItself(who) else { return }
            setLedger(ledger, .nothing, by: who)
        } else {
            _ = commit(who)
        }
    }

    // MARK: The sweep

    func startSweep() {
        var change = ChangeState()
        change.phase = .read
        world.sweepChange = change
        world.unswept = 0
    }

    private func sweepTidied(lists: Bool) {
        if !lists, ledgers[world.ledger].needsList(at: Small.wallNow) {
            var change = ChangeState()
            change.phase = .list
            change.flags = .lists
            world.sweepChange = change
        } else {
            world.sweepFlow = flows.project(
                0,
                world.service,
                services.view(world.service)
            )
        }
    }

    // MARK: Projections

    func project(_ who: Int, _ fate: Transition.Fate) {
        let flow = who == theSweep ? world.sweepFlow : world.tasks[who].flow
        let (next, isFine, hasEnded) = advance(flow, fate)
        if who == theSweep {
            world.sweepFlow = next
        } else {
            world.tasks[who].flow = next
            guard next == 0 else { return }
            if hasEnded { world.tasks[who].move = 0 }
            observe(who, isFine ? known.projected : known.projectionFailed)
        }
    }

    func follow(_ job: Int, _ fate: Transition.Fate) {
        let (next, _, hasEnded) = advance(world.jobs[job].flow, fate)
        world.jobs[job].flow = next
        if next == 0 { answer(job, isFine: hasEnded) }
    }

    /// - Returns: the flow after it, 0 when it is over, whether the service follows, and
    ///   whether no call failed.
    private func advance(
        _ flow: UInt16,
        _ fate: Transition.Fate
    ) -> (UInt16, isFine: Bool, hasEnded: Bool) {
        switch fate {
        case .answered: break
        case .stale: spend(\.stale)
        default: spend(\.faults)
        }
        if fate == .blind { spend(\.faults) }
        guard let next = sight(flow, fate) else { return (0, false, false) }
        switch flows[next].step {
        case .done(.agreed), .done(.still): return (0, true, true)
        case .done(.held): return (0, false, true)
        case .unsettled: return (0, false, false)
        default: return (next, true, false)
        }
    }

    private func sight(_ flow: UInt16, _ fate: Transition.Fate) -> UInt16? {
        let step = flows[flow].step
        if case .write(let count) = step {
            // Of a service that ends, ECS refuses it, and the service is read.
            if fate != .failedBefore { setDesired(count, byPerson: false) }
            guard fate == .answered || fate == .failedAfter else { return nil }
            return advance(flow, .wrote)
        }
        guard fate == .answered || fate == .stale else { return nil }
        switch step {
        case .readLedger: return advance(flow, .ledger)
        case .readCounted: return advance(flow, .counted)
        case .readService:
            return advance(flow, .service, fate == .stale ? world.serviceBefore : nil)
        case .book:
            let isFree = !ledgers.facts(of: world.ledger).isBooked
            if isFree {
                setLedger(ledgers.booked(world.ledger), .nothing, by: nil)
            }
            return advance(flow, isFree ? .booked : .wait)
        case .wait: return advance(flow, .waited)
        case .note(let moves, let before):
            guard let noted = ledgers.followed(world.ledger, moves, after: before) else {
                return advance(flow, .notedBeside)
            }
            setLedger(noted, .nothing, by: nil)
            return advance(flow, .noted)
        case .write, .pause, .done, .unsettled: return nil
        }
    }

    private func advance(
        _ flow: UInt16,
        _ sight: Flows.Sight,
        _ seen: UInt16? = nil
    ) -> UInt16 {
        let service = seen ?? world.service
        return flows.advance(flow, sight, world.ledger, service, services.view(service))
    }

    /// The service as a reading shows it.
    private func seen(_ fate: Transition.Fate) -> ServiceFacts {
        fate == .stale ? services.facts(of: world.serviceBefore) : service
    }

    // MARK: The endpoint

    func call(_ job: Int) {
        if world.jobs[job].stage != .unknown {
            spend(\.mistakes)
        } else {
            world.flags.remove(.wasCalm)
            world.jobs[job].stage = .called
            world.jobs[job].flags.insert(.wasCalled)
        }
        world.jobs[job].announcement = flows.announce(job)
    }

    func endpoint(_ job: Int, _ fate: Transition.Fate) {
        let value = world.jobs[job].announcement
        if fate != .answered { spend(\.faults) }
        var next = value
        if fate != .failedBefore {
            switch flows.announcements[value].step {
            case .put(let jobs):
                for job in jobs { put(job, isDrop: false) }
                next = flows.advance(value)
            case .drop(let jobs):
                for job in jobs { put(job, isDrop: true) }
                next = flows.advance(value)
            case .read:
                world.jobs[job].flags.remove(.isStale)
                next = flows.advance(value, read: world.ledger)
            case .raise(let size, _):
                let isStale = world.jobs[job].flags.contains(.isStale)
                let isBooked = isStale ? false : raise(to: size, by: nil, books: true)
                next = flows.advance(
                    value,
                    raised: world.ledger,
                    isBooked: isBooked,
                    isStale: isStale
                )
            case .uphold, .done, .unsettled:
                preconditionFailure("a transition that does not occur here")
            }
        }
        guard fate == .answered else { return answer(job, isFine: false) }
        world.jobs[job].announcement = next
        guard case .done(let outcome) = flows.announcements[next].step else { return }
        world.jobs[job].announcement = 0
        let end = flows.announcements[next]
        switch outcome {
        case .settled, .closed: answer(job, isFine: true)
        case .follow:
            let move = UInt8(ledgers.views[end.view].lastRaise)
            let flow = flows.follow(end.view, to: move, isBooked: end.isBooked)
            if case .done = flows[flow].step { return answer(job, isFine: true) }
            world.jobs[job].flow = flow
        case .project: world.jobs[job].flow = flows.project(end.view)
        }
    }

    private func put(_ job: Job, isDrop: Bool) {
        let entry = Ledger.JobEntry(at: Small.wallNow)
        let index = UInt64(Small.jobIDs.firstIndex(of: job) ?? 0)
        let ledger = ledgers.put(
            (isDrop ? Ledgers.Edit.dropJob : Ledgers.Edit.putJob) | index,
            to: world.ledger,
            isDrop ? JobWrite(job, from: entry, to: nil) : JobWrite(job, from: nil, to: entry)
        )
        if let ledger { setLedger(ledger, .nothing, by: nil) }
    }

    /// HCP Terraform hears of it, and calls again if it failed.
    private func answer(_ job: Int, isFine: Bool) {
        world.jobs[job].announcement = 0
        world.jobs[job].flow = 0
        world.jobs[job].flags.remove(.isStale)
        guard world.jobs[job].stage == .called else { return }
        world.jobs[job].stage = isFine ? .queued : .unknown
    }
}
