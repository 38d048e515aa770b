import Decisions

/// A projection under way: the flow that ships, with the step that it asks for now.
struct FlowValue: Hashable {
    let flow: ProjectionFlow
    let step: ProjectionFlow.Step
    /// Agents that hold a job, as the caller knows.
    let busy: Int
    /// It books its updates.
    let isEndpoints: Bool
    var books: Bool { isEndpoints }
    /// The flow's own state, which it shows to nobody, in words.
    private let text: String

    init(_ flow: ProjectionFlow, _ step: ProjectionFlow.Step, busy: Int, isEndpoints: Bool) {
        self.flow = flow
        self.step = step
        self.busy = busy
        self.isEndpoints = isEndpoints
        let overwritten = Self.overwritten(by: step)
        text = Mirror(reflecting: flow).children
            .filter { !overwritten.contains($0.label ?? "") }
            .map { "\($0.label ?? "") \($0.value)" }
            .joined(separator: ", ")
    }

    /// What of the flow decides nothing while it waits for this step: its answer replaces it. How
    /// often it went round only ends it in the end, which takes others that always come between.
    private static func overwritten(by step: ProjectionFlow.Step) -> Set<String> {
        let always: Set<String> = ["rounds", "maximumRounds", "ledgerReadAt"]
        let ofReading: Set<String> = ["isFresh", "hasOlderJobs", "hasPaused"]
        switch step {
        case .note: return always.union(["ledger", "service", "wanted"]).union(ofReading)
        case .book: return always.union(["ledger", "service"]).union(ofReading)
        default: return always
        }
    }

    static func == (left: FlowValue, right: FlowValue) -> Bool {
        left.text == right.text && left.step == right.step && left.busy == right.busy
            && left.isEndpoints == right.isEndpoints
    }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// A call of the endpoint under way.
struct AnnouncementValue: Hashable {
    let flow: AnnouncementFlow
    let step: AnnouncementFlow.Step
    /// The ledger as it was read, 0 before, and whether an update was booked with the raise.
    let view: UInt16
    let isBooked: Bool
    private let text: String

    init(_ flow: AnnouncementFlow, _ step: AnnouncementFlow.Step, view: UInt16, isBooked: Bool) {
        self.flow = flow
        self.step = step
        self.view = view
        self.isBooked = isBooked
        text = "\(flow)"
    }

    static func == (left: AnnouncementValue, right: AnnouncementValue) -> Bool {
        left.text == right.text && left.step == right.step && left.view == right.view
            && left.isBooked == right.isBooked
    }

    func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// Projections and calls of the endpoint that occur, each once.
final class Flows {
    private let ledgers: Ledgers
    private var flows = Interned<FlowValue>()
    private(set) var announcements = Interned<AnnouncementValue>()
    private var flowMemo = Memo<UInt16>()
    private var announcementMemo = Memo<UInt16>()

    init(_ ledgers: Ledgers) { self.ledgers = ledgers }

    subscript(id: UInt16) -> FlowValue { flows[id] }

    // MARK: Projections

    /// - Parameter view: the ledger as it was just read or written; 0 reads it first.
    func project(
        _ view: UInt16,
        _ service: UInt16 = 0,
        _ seen: @autoclosure () -> ServiceView? = nil
    ) -> UInt16 {
        let key = UInt64(view) << 16 | UInt64(service) | 1 << 60
        if let id = flowMemo.answer(to: key) { return id }
        let id = begun(view, seen())
        flowMemo.keep(id, for: key)
        return id
    }

    private func begun(_ view: UInt16, _ service: ServiceView?) -> UInt16 {
        let known = view == 0 ? nil : ledgers.views[view]
        return flow(
            ProjectionFlow(
                known,
                service: service,
                at: Small.now
            ),
            busy: known?.busy ?? 0,
            isEndpoints: false
        )
    }

    /// - Parameter view: the ledger after the change; 0 reads it first.
    func follow(_ view: UInt16, to move: UInt8, isBooked: Bool) -> UInt16 {
        let key = UInt64(view) << 16 | UInt64(move) << 1 | (isBooked ? 1 : 0) | 2 << 60
        if let id = flowMemo.answer(to: key) { return id }
        let known = view == 0 ? nil : ledgers.views[view]
        let id = flow(
            ProjectionFlow(
                following: known,
                to: Int(move),
                isBooked: isBooked,
                at: Small.now
            ),
            busy: known?.busy ?? 0,
            isEndpoints: true
        )
        flowMemo.keep(id, for: key)
        return id
    }

    /// Takes the next step, pauses left out: whatever happens in one is another order of steps.
    private func flow(_ before: ProjectionFlow, busy: Int, isEndpoints: Bool) -> UInt16 {
        var flow = before
        var step = flow.next(at: Small.now)
        while case .pause = step {
            flow.paused()
            step = flow.next(at: Small.now)
        }
        return flows.id(of: FlowValue(flow, step, busy: busy, isEndpoints: isEndpoints))
    }

    /// What a step of a projection saw.
    enum Sight: UInt64 {
        /// Ledger and jobs.
        case ledger
        /// What is counted.
        case counted
        /// The service, read or written.
        case service
        case wrote
        /// What is counted, and that an update is booked, or why not.
        case booked
        case wait
        /// Somebody's booking is out of the way.
        case waited
        /// Somebody else has noted an update in between, or nobody has.
        case notedBeside
        case noted
    }

    /// - Parameters:
    ///   - ledger: as it is, after the step's own write if it has one.
    ///   - service: a number of it, as it is, or was, and what is seen of it.
    func advance(
        _ id: UInt16,
        _ sight: Sight,
        _ ledger: UInt16,
        _ service: UInt16,
        _ seen: @autoclosure () -> ServiceView
    ) -> UInt16 {
        var key = UInt64(id) << 16 | UInt64(ledger)
        key = key << 20 | UInt64(service) << 4 | sight.rawValue
        if let known = flowMemo.answer(to: key) { return known }
        let next = advanced(id, sight, ledger, seen())
        flowMemo.keep(next, for: key)
        return next
    }

    private func advanced(
        _ id: UInt16,
        _ sight: Sight,
        _ ledger: UInt16,
        _ service: ServiceView
    ) -> UInt16 {
        let value = flows[id]
        var flow = value.flow
        var busy = value.busy
        switch sight {
        case .ledger:
            let id = ledgers.viewID(of: ledgers[ledger], isEndpoints: value.isEndpoints)
            let view = ledgers.views[id]
            busy = view.busy
            flow.read(view, asked: Small.now)
        case .counted: flow.read(counted(ledger, value), asked: Small.now)
        case .service: flow.saw(service)
        case .wrote: flow.wrote(service)
        case .booked: flow.booked(counted(ledger, value), asked: Small.now, wait: nil)
        case .wait:
            flow.booked(counted(ledger, value), asked: Small.now, wait: Ledger.updateSpacing)
        case .waited: break
        case .noted, .notedBeside:
            flow.noted(counted(ledger, value), asked: Small.now, isAlone: sight == .noted)
        }
        return self.flow(flow, busy: busy, isEndpoints: value.isEndpoints)
    }

    /// What is counted as it is now, beside the jobs as they were read.
    private func counted(_ ledger: UInt16, _ value: FlowValue) -> LedgerView {
        let id = ledgers.viewID(
            of: beside(value.busy, ledgers[ledger]),
            isEndpoints: value.isEndpoints
        )
        return ledgers.views[id]
    }

    /// A ledger that so many agents hold jobs in.
    private func beside(_ busy: Int, _ ledger: Ledger) -> Ledger {
        var beside = ledger
        beside.jobs = [:]
        for job in Small.jobIDs.prefix(busy) {
            beside.jobs[job] = Ledger.JobEntry(at: Small.wallNow, task: Small.taskIDs[0])
        }
        return beside
    }

    // MARK: Calls of the endpoint

    func announce(_ job: Int) -> UInt16 {
        kept(UInt64(job) | 1 << 60) {
            announcement(
                AnnouncementFlow([Small.jobIDs[job]], closing: []),
                view: 0,
                isBooked: false
            )
        }
    }

    private func kept(_ key: UInt64, _ make: () -> UInt16) -> UInt16 {
        if let known = announcementMemo.answer(to: key) { return known }
        let made = make()
        announcementMemo.keep(made, for: key)
        return made
    }

    private func announcement(
        _ before: AnnouncementFlow,
        view: UInt16,
        isBooked: Bool
    ) -> UInt16 {
        var flow = before
        let step = flow.next()
        return announcements.id(
            of: AnnouncementValue(flow, step, view: view, isBooked: isBooked)
        )
    }

    /// Its jobs are put, or dropped.
    func advance(_ id: UInt16) -> UInt16 {
        kept(UInt64(id) | 2 << 60) {
            let value = announcements[id]
            return announcement(value.flow, view: value.view, isBooked: value.isBooked)
        }
    }

    /// The ledger was read.
    func advance(_ id: UInt16, read ledger: UInt16) -> UInt16 {
        kept(UInt64(id) << 16 | UInt64(ledger) | 3 << 60) {
            let value = announcements[id]
            var flow = value.flow
            flow.read(ledgers[ledger], ledgers.limits)
            var next = flow
            // Only where it ends with this reading are the counters looked at.
            var ends = false
            if case .done = next.next() { ends = true }
            let view = ledgers.viewID(of: ledgers[ledger], isEndpoints: ends)
            return announcement(flow, view: view, isBooked: false)
        }
    }

    /// The size was raised, or found as large.
    ///
    /// - Parameter isStale: the version is another one than was read, so nothing was raised.
    func advance(_ id: UInt16, raised ledger: UInt16, isBooked: Bool, isStale: Bool) -> UInt16 {
        var key = UInt64(id) << 18 | UInt64(ledger) << 2
        key |= (isBooked ? 1 : 0) | (isStale ? 2 : 0) | 4 << 60
        return kept(key) {
            let value = announcements[id]
            var flow = value.flow
            var counted = ledgers[ledger]
            if isStale { counted.version += 1 }
            flow.raised(counted)
            let busy = value.view == 0 ? 0 : ledgers.views[value.view].busy
            let view = ledgers.viewID(of: beside(busy, counted), isEndpoints: true)
            return announcement(flow, view: view, isBooked: isBooked)
        }
    }
}
