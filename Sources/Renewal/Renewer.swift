package import AgentLink
import Glibc

/// Makes a container as it was at its start, and shows that it is.
///
/// The proof is by who may write. All that the agent's user owns or may write was found at the start,
/// while nobody was there, and copied to where only root gets at it. No process of a job becomes
/// another user. So what lies elsewhere is as it was, and what lies there is removed and made anew.
package struct Renewer: Sendable {
    /// What one renewal may spend.
    package struct Bounds: Sendable {
        /// Entries of the file tree that are removed.
        package var entries = 200_000
        /// Of the monotonic clock.
        package var milliseconds = 10_000

        package init() {}
    }

    /// How a renewal went.
    package enum Outcome: Equatable, Sendable {
        /// The container is as it was.
        case renewed(milliseconds: Int)
        /// It is not, or that cannot be shown. The text is for a person.
        case spoiled(SpoilReason, String)
    }

    /// A step that failed.
    private struct Spoiled: Error {
        let reason: SpoilReason
        let text: String

        init(_ reason: SpoilReason, _ text: String) {
            self.reason = reason
            self.text = text
        }

        /// Of files: what the bounds stopped has the bounds' own reasons.
        init(_ fault: FileFault, otherwise reason: SpoilReason) {
            switch fault.kind {
            case .tooMany: self.reason = .entries
            case .tooLong: self.reason = .time
            case .call, .notUnderstood, .moved: self.reason = reason
            }
            text = fault.text
        }
    }

    /// Far more than an image has: a walk over what cannot be renewed has to end too.
    private static let surveyEntries = 5_000_000
    private static let surveyMilliseconds = 60_000

    package let agent: AgentIdentity
    private let bounds: Bounds
    private let mounts: MountTable
    private let survey: Survey
    private let store: PristineStore
    private let kept: KeptDirectories
    private let workingDirectory: EntryName

    /// Looks at the container, and keeps a copy of what the agent's user could change. To be called
    /// once, before anything else is started.
    ///
    /// - Parameters:
    ///   - agent: Whom the agent will run as.
    ///   - kept: What each renewal leaves as it is.
    ///   - bounds: What each renewal may spend.
    /// - Throws: Why this container cannot be renewed. It is as it was then, but for an empty
    ///   directory of root's.
    package init(
        agent: AgentIdentity,
        kept: KeptDirectories = KeptDirectories(),
        bounds: Bounds = Bounds()
    ) throws(RenewalObstacle) {
        try Renewer.requireRights(agent)
        try Renewer.requireAlone(agent)
        guard let mounts = MountTable.read() else { throw .unreadable("/proc/self/mountinfo") }
        var store = try PristineStore()
        var budget = WorkBudget(
            entries: Renewer.surveyEntries,
            deadline: KernelCall.now + Renewer.surveyMilliseconds
        )
        do throws(Survey.Obstacle) {
            survey = try Survey.make(mounts.writable, agent, hidden: PristineStore.name, &budget)
        } catch {
            throw .files(error.text)
        }
        if let place = kept.firstMisplaced(among: survey.places) { throw .cannotKeep(place.shown) }
        do throws(FileFault) {
            // What takes longer to copy than a renewal may take could not be put back either.
            var budget = WorkBudget(
                entries: bounds.entries,
                deadline: KernelCall.now + bounds.milliseconds
            )
            try store.keep(survey.places, &budget)
        } catch {
            throw .files(error.text)
        }
        self.agent = agent
        self.bounds = bounds
        self.mounts = mounts
        self.store = store
        self.kept = kept
        workingDirectory = Renewer.currentDirectory() ?? EntryName("/")
        try makeMovable()
    }

    /// An overlay moves no directory of the image's, so what is kept is made anew once.
    private func makeMovable() throws(RenewalObstacle) {
        guard !kept.places.isEmpty else { return }
        if case .spoiled(_, let text) = renew() { throw .files(text) }
    }

    private static func requireRights(_ agent: AgentIdentity) throws(RenewalObstacle) {
        guard getpid() == 1 else { throw .notFirstProcess }
        guard getuid() == 0, geteuid() == 0 else { throw .notRoot }
        if let name = Capabilities.missing { throw .capabilityMissing(name) }
        guard agent.user != 0 else { throw .userIsRoot(String(agent.user)) }
        guard Capabilities.keepNeeded() else { throw .capabilityMissing("SETPCAP") }
    }

    private static func requireAlone(_ agent: AgentIdentity) throws(RenewalObstacle) {
        let others: [ProcessEnd.Process]
        do throws(ProcessEnd.Fault) {
            others = try ProcessEnd.others()
        } catch {
            throw .unreadable("/proc")
        }
        if let other = others.first { throw .othersRun(pid: other.pid) }
        guard let objects = SystemVObjects.count(of: agent.user) else {
            throw .unreadable("/proc/sysvipc")
        }
        guard objects == 0 else { throw .objects }
    }

    private static func currentDirectory() -> EntryName? {
        guard let path = getcwd(nil, 0) else { return nil }
        defer { free(path) }
        return EntryName(path)
    }

    // MARK: Renewing

    /// Ends what is left of a job and makes the container as it was. Blocks for as long as the bounds
    /// say, at the most.
    ///
    /// - Returns: What is true afterwards.
    package func renew() -> Outcome {
        let start = KernelCall.now
        do throws(Spoiled) {
            let deadline = start + bounds.milliseconds
            try endProcesses(deadline)
            guard SocketTable.areFinished(of: agent.user, deadline: deadline) else {
                throw Spoiled(.connections, "a connection of the job still sends")
            }
            guard SystemVObjects.remove(of: agent.user) else {
                throw Spoiled(.objects, "a System V object of the job is left")
            }
            guard MountTable.read() == mounts else {
                throw Spoiled(.mounts, "other mounts than at the start")
            }
            // A directory that is removed may be the one that this process is in.
            _ = chdir("/")
            var budget = WorkBudget(entries: bounds.entries, deadline: deadline)
            let moved = try moveAside()
            try remove(&budget)
            budget = WorkBudget(entries: bounds.entries, deadline: deadline)
            try putBack(moved, &budget)
            try lookAgain(deadline)
            _ = workingDirectory.withText { chdir($0) }
        } catch {
            return .spoiled(error.reason, error.text)
        }
        return .renewed(milliseconds: KernelCall.now - start)
    }

    private func endProcesses(_ deadline: Int) throws(Spoiled) {
        do throws(ProcessEnd.Fault) {
            try ProcessEnd.all(of: agent.user, deadline: deadline)
        } catch {
            switch error {
            case .stranger(let pid):
                throw Spoiled(.stranger, "process \(pid) is of another user than the agent's")
            case .remain(let count): throw Spoiled(.processes, "\(count) processes do not end")
            case .unreadable: throw Spoiled(.processes, "/proc cannot be read")
            }
        }
    }

    /// In two rounds: on a full disk an overlay cannot remove what the image has, until what the job
    /// wrote is gone.
    private func remove(_ budget: inout WorkBudget) throws(Spoiled) {
        do throws(FileFault) {
            for point in survey.openMounts {
                let top = try TreeCursor.opened(point)
                let before = try FileStatus.of(top, "")
                let again = dup(top)
                defer { close(again) }
                _ = try TreeRemoval.empty(TreeCursor(top), toleratesFull: false, &budget)
                var times = EntryPair.times(before)
                _ = futimens(again, &times)
            }
            var places = survey.places
            for toleratesFull in [true, false] {
                var left: [OwnPlace] = []
                for place in places {
                    let parent = try place.openParent()
                    defer { close(parent) }
                    let isGone = try TreeRemoval.remove(
                        parent,
                        place.name,
                        toleratesFull: toleratesFull,
                        &budget
                    )
                    if !isGone { left.append(place) }
                }
                places = left
            }
        } catch {
            throw Spoiled(error, otherwise: .remains)
        }
    }

    private func moveAside() throws(Spoiled) -> [Int] {
        guard !kept.places.isEmpty else { return [] }
        do throws(FileFault) {
            let directory = try PristineStore.open()
            defer { close(directory) }
            return kept.moveAside(to: directory)
        } catch {
            throw Spoiled(error, otherwise: .copy)
        }
    }

    private func putBack(_ moved: [Int], _ budget: inout WorkBudget) throws(Spoiled) {
        do throws(FileFault) {
            try store.putBack(&budget)
            guard !moved.isEmpty else { return }
            let directory = try PristineStore.open()
            defer { close(directory) }
            try kept.moveBack(moved, from: directory, &budget)
        } catch {
            throw Spoiled(error, otherwise: .copy)
        }
    }

    /// What the proof says must be so is looked at all the same.
    private func lookAgain(_ deadline: Int) throws(Spoiled) {
        var budget = WorkBudget(entries: Renewer.surveyEntries, deadline: deadline)
        let found: Survey
        do throws(Survey.Obstacle) {
            found = try Survey.make(mounts.writable, agent, hidden: PristineStore.name, &budget)
        } catch {
            throw Spoiled(KernelCall.now < deadline ? .remains : .time, error.text)
        }
        guard Set(found.places) == Set(survey.places), found.openMounts == survey.openMounts else {
            throw Spoiled(.remains, "other files of the agent's user than at the start")
        }
    }
}
