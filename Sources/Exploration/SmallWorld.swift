/// A whole small world: service, tasks with their containers, jobs, ledger, calls under way. Bytes
/// only, so that a state is compared exactly, and cheaply: what is larger is an id of the
/// ``Interner``.
struct SmallWorld: BitwiseCopyable {
    var tasks = Three<TaskState>(repeating: TaskState())
    var jobs = Two<JobState>(repeating: JobState())
    /// What the sweep changes, and its projection; 0 while there is none.
    var sweepChange = ChangeState()
    var flags: WorldFlags = []
    var sweepFlow: UInt16 = 0
    var ledger: UInt16 = 0
    var service: UInt16 = 0
    /// As it was before its last change.
    var serviceBefore: UInt16 = 0
    /// Ticks for which a sweep would have found something to do.
    var unswept: UInt8 = 0
    var left = Budgets()
    /// Agents that may yet be drained for a deployment: one for each that was idle when it began,
    /// and one for each call or sidecar that failed.
    var replacements: UInt8 = 0
    private var unused: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0, 0, 0)
}

struct WorldFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// A person set `desiredCount`; what ECS stops for it is that person's.
    static let isEdited = WorldFlags(rawValue: 1)
    /// Calm was reached, and nothing has happened since that could end it.
    static let wasCalm = WorldFlags(rawValue: 2)
}

/// What may still happen that no rule can prevent.
struct Budgets: BitwiseCopyable, Hashable, Sendable {
    /// Calls that fail, before or after their effect.
    var faults: UInt8 = 0
    /// Sidecars that die.
    var crashes: UInt8 = 0
    /// `desiredCount` set by a person.
    var edits: UInt8 = 0
    /// Tasks stopped by a person.
    var stops: UInt8 = 0
    /// Readings of ECS that are as old as the last change.
    var stale: UInt8 = 0
    /// Links that break.
    var breaks: UInt8 = 0
    /// Agents that crash.
    var agentCrashes: UInt8 = 0
    /// What HCP Terraform does wrong: it calls again though it was answered, or takes an agent for
    /// what it is not.
    var mistakes: UInt8 = 0
    /// Deployments of a newer revision.
    var deployments: UInt8 = 0
    /// Tasks that ECS cannot start.
    var failedStarts: UInt8 = 0
    /// The service, deleted.
    var deletions: UInt8 = 0
}

struct TaskState: BitwiseCopyable {
    var stage = TaskPhase.vacant
    var agent = AgentState.absent
    /// The job that its agent holds, counted from 1.
    var job: UInt8 = 0
    var flags: TaskFlags = []
    /// Time left of its protection.
    var protectedFor: UInt8 = 0
    /// Time since its launcher began to hold the container open, or its containers to end, or it
    /// has been without a sidecar.
    var held: UInt8 = 0
    /// Its agent's stop signals in two bits, `isUsed` in one, `agentNumber` less one in the others.
    private var counts: UInt8 = 0
    var pending: Pending = []
    /// Of its sidecar, 0 while none runs.
    var mind: UInt16 = 0
    /// Of its launcher, 0 while none runs.
    var life: UInt16 = 0
    /// What the launcher has said and the sidecar not yet heard.
    var inbox: UInt16 = 0
    /// Of its projection, 0 while there is none.
    var flow: UInt16 = 0
    var change = ChangeState()
    /// The last change of the ledger's size that it made and the service has not followed, by its
    /// number; 0 for none.
    var move: UInt8 = 0
}

extension TaskState {
    /// That its agent got; more than three are three.
    var signals: UInt8 {
        get { counts & 3 }
        set { counts = counts & ~3 | min(newValue, 3) }
    }

    /// A job has been in the agent's container since that was new or renewed. Kept only where it is
    /// renewed.
    var isUsed: Bool {
        get { counts & 4 != 0 }
        set { counts = newValue ? counts | 4 : counts & ~4 }
    }

    /// Which of the task's agents was named last, as the shared volume has it.
    var agentNumber: Int {
        get { Int(counts >> 3) + 1 }
        set { counts = counts & 7 | UInt8(newValue - 1) << 3 }
    }
}

enum TaskPhase: UInt8, BitwiseCopyable {
    /// No task; one may be started here.
    case vacant
    /// On its way; its containers do not run yet.
    case pending
    case running
    /// Asked to stop from outside.
    case stopping
    /// Its agent's container has ended, its sidecar's is about to.
    case closing
}

enum AgentState: UInt8, BitwiseCopyable {
    case absent
    /// Has not waited for a job yet, and may never.
    case starting
    case idle
    case busy
    /// Has its signal; its last request may yet bring a job.
    case leaving
    case gone

    var mayLive: Bool { self != .absent && self != .gone }
}

struct TaskFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let isLinked = TaskFlags(rawValue: 1)
    /// An earlier sidecar has allowed its agent to start.
    static let agentAllowed = TaskFlags(rawValue: 2)
    /// The ledger's size has fallen for this task.
    static let hasLowered = TaskFlags(rawValue: 4)
    /// What the launcher last said of its agent was that it waits.
    static let heardIdle = TaskFlags(rawValue: 8)
    /// Its sidecar has tried to enter it as exposed, and it may run before the ledger says so.
    static let isUnentered = TaskFlags(rawValue: 16)
    /// Stopped by something that no rule can prevent.
    static let hasOutsideCause = TaskFlags(rawValue: 32)
    /// Its sidecar's process has died and was not started again yet.
    static let isWithoutSidecar = TaskFlags(rawValue: 64)
    /// An earlier sidecar of it ran.
    static let hasPredecessor = TaskFlags(rawValue: 128)
}

/// Calls of a sidecar under way, those left out that have a state of their own, and what it has
/// told its launcher; and what that is about.
struct Pending: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let protect = Pending(rawValue: 1)
    static let unprotect = Pending(rawValue: 2)
    static let compare = Pending(rawValue: 4)
    static let compareAlways = Pending(rawValue: 8)
    static let watch = Pending(rawValue: 16)
    /// Asks ECS for the service's deployments.
    static let deployments = Pending(rawValue: 64)
    static let calls: Pending = [.protect, .unprotect, .compare, .watch, .deployments]

    static let drain = Pending(rawValue: 32)

    /// The launcher makes the container as it was.
    static let renewal = Pending(rawValue: 128)
}

struct JobState: BitwiseCopyable {
    var stage = JobStage.unknown
    var flags: JobFlags = []
    /// Of the endpoint's call for it, 0 while there is none.
    var announcement: UInt16 = 0
    /// Of the projection that follows it.
    var flow: UInt16 = 0
}

struct JobFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let wasCalled = JobFlags(rawValue: 1)
    /// The version has changed since its call read the ledger.
    static let isStale = JobFlags(rawValue: 2)
}

enum JobStage: UInt8, BitwiseCopyable {
    /// Not begun, or its call failed and will be made again.
    case unknown
    /// HCP Terraform waits for the endpoint's answer.
    case called
    /// Waits for an agent.
    case queued
    case held
    case over
}

/// A change of the ledger under way.
struct ChangeState: BitwiseCopyable {
    var phase = ChangePhase.none
    /// The tasks that ECS listed, one bit each.
    var live: UInt8 = 0
    /// Which operation, an id.
    var operation: UInt16 = 0
    /// How far it is, an id; 0 for one that has not begun.
    var value: UInt16 = 0
    var flags: ChangeFlags = []
}

enum ChangePhase: UInt8, BitwiseCopyable {
    case none
    case list
    /// The one write of a job's item that may be enough.
    case byItself
    case read
    case write
    /// The second look at the jobs.
    case look
    case raise
}

struct ChangeFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// What is counted is as one of its own writes made it.
    static let isMine = ChangeFlags(rawValue: 1)
    /// What is counted is not what it read; kept only where the condition is switched off.
    static let isStale = ChangeFlags(rawValue: 2)
    /// The sweep has listed the tasks.
    static let lists = ChangeFlags(rawValue: 4)
}

/// Three of a kind, side by side.
struct Three<Element: BitwiseCopyable>: BitwiseCopyable {
    private var first: Element
    private var second: Element
    private var third: Element

    init(repeating element: Element) {
        first = element
        second = element
        third = element
    }

    subscript(index: Int) -> Element {
        get { index == 0 ? first : index == 1 ? second : third }
        _modify {
            switch index {
            case 0: yield &first
            case 1: yield &second
            default: yield &third
            }
        }
    }
}

/// Two of a kind, side by side.
struct Two<Element: BitwiseCopyable>: BitwiseCopyable {
    private var first: Element
    private var second: Element

    init(repeating element: Element) {
        first = element
        second = element
    }

    subscript(index: Int) -> Element {
        get { index == 0 ? first : second }
        _modify {
            if index == 0 { yield &first } else { yield &second }
        }
    }
}

extension SmallWorld: Hashable {
    /// States are compared as bytes, eight at a time, so there must be none between the fields and
    /// none after the last.
    static let size = 3 * 24 + 2 * 6 + 8 + 8 + 20

    static func == (left: SmallWorld, right: SmallWorld) -> Bool {
        withUnsafeBytes(of: left) { left in
            withUnsafeBytes(of: right) { right in
                for offset in stride(from: 0, to: size, by: 8)
                where left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                {
                    return false
                }
                return true
            }
        }
    }

    /// Not Swift's own hash, which is a third slower, and no better against chance.
    var digest: UInt64 {
        withUnsafeBytes(of: self) { bytes in
            var digest: UInt64 = 0x9E37_79B9_7F4A_7C15
            for offset in stride(from: 0, to: Self.size, by: 8) {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let product = (digest ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
                digest = product.high ^ product.low
            }
            return digest
        }
    }

    func hash(into hasher: inout Hasher) { hasher.combine(digest) }

    /// Which of two comes first, in an order of no meaning.
    static func comesBefore(_ left: SmallWorld, _ right: SmallWorld) -> Bool {
        withUnsafeBytes(of: left) { left in
            withUnsafeBytes(of: right) { right in
                for offset in stride(from: 0, to: size, by: 8) {
                    let one = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    let other = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    if one != other { return one < other }
                }
                return false
            }
        }
    }
}
