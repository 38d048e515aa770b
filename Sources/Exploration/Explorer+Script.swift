import AgentLink
import Model

/// Writing down what happens as a ``Script``, with tasks numbered in the order of their starts.
extension Explorer {
    /// What the scene begins with, before any transition.
    var stage: Script.Stage {
        var stage = Script.Stage()
        stage.jobs = scene.jobs
        stage.floor = scene.floor
        stage.most = scene.most
        stage.mode =
            switch scene.mode {
            case .single: .single
            case .renewed: .renewed
            case .shared: .shared
            }
        stage.replacement = scene.replacement
        stage.protection = scene.protection
        stage.diesForGood = scene.diesForGood
        stage.desired = scene.floor
        stage.size = scene.floor
        switch scene.beginning {
        case .rest, .atWork: break
        case .neverWritten: (stage.desired, stage.size) = (1, nil)
        case .twoTooMany: (stage.desired, stage.size) = (2, 2)
        case .jobsWait:
            (stage.desired, stage.size) = (scene.most, scene.most)
            stage.isQueued = true
        case .moreJobsThanMay, .moreJobsHeldThanMay:
            (stage.desired, stage.size) = (scene.tasks, scene.most)
            (stage.isEdited, stage.isQueued) = (true, true)
        }
        return stage
    }

    /// Writes a step down, if a script is written.
    func write(
        _ act: Script.Act,
        task: Int,
        _ fate: Script.Fate = .answered,
        _ numbers: [Int] = []
    ) {
        guard script != nil else { return }
        script?.append(Script.Step(act, .task(numberedTasks[task]), fate, numbers))
    }

    /// A turn of ECS's scheduler.
    func write(_ turn: ServiceTurn) {
        guard script != nil else { return }
        let stops = turn.stops.map { numberedTasks[$0] }
        script?.append(Script.Step(turn.starts.isEmpty ? .stop : .start, nil, .answered, stops))
        for task in turn.starts {
            lastNumber += 1
            numberedTasks[task] = lastNumber
        }
    }

    /// Writes down what is asked for, those parts left out that are written where they happen.
    func write(_ transition: Transition) {
        guard script != nil, let act = transition.kind.act else { return }
        var numbers: [Int] = []
        switch transition.kind {
        case .receive: numbers = [Int(transition.how) + 1]
        case .edit: numbers = [Int(transition.how)]
        case .crash, .drain: numbers = transition.how == 0 ? [] : [1]
        default: break
        }
        let hasFate = numbers.isEmpty
        script?.append(
            Script.Step(
                act,
                actor(of: transition),
                hasFate ? transition.fate.word : .answered,
                numbers
            )
        )
    }

    private func actor(of transition: Transition) -> Script.Actor? {
        switch transition.kind {
        case .tick, .edit, .deploy, .delete, .startSweep, .age, .bookingPasses: nil
        case .call, .endpoint, .follow: .job(transition.index + 1)
        default:
            transition.index == theSweep ? .sweep : .task(numberedTasks[transition.index])
        }
    }
}

extension Transition.Fate {
    fileprivate var word: Script.Fate {
        switch self {
        case .answered: .answered
        case .failedBefore: .failedBefore
        case .failedAfter: .failedAfter
        case .lost: .lost
        case .stale: .stale
        case .blind: .blind
        }
    }
}

extension Transition.Kind {
    /// Nil for what is written down where it happens, since it also happens within others.
    fileprivate var act: Script.Act? {
        switch self {
        case .startTask, .stopTasks, .boot, .hear, .connect, .startAgent: nil
        case .tick: .tick
        case .failBoot: .failBoot
        case .stopTask: .stopTask
        case .killTask: .killTask
        case .edit: .edit
        case .deploy: .deploy
        case .delete: .delete
        case .call: .call
        case .endpoint: .endpoint
        case .follow: .follow
        case .receive: .receive
        case .finish: .finish
        case .exit: .exit
        case .failAgent: .failAgent
        case .drain: .drain
        case .protect: .protect
        case .unprotect: .unprotect
        case .compare: .compare
        case .deployments: .deployments
        case .watch: .watch
        case .list: .list
        case .byItself: .byItself
        case .read: .read
        case .write: .write
        case .look: .look
        case .raise: .raise
        case .project: .project
        case .startSweep: .sweep
        case .crash: .crash
        case .restart: .restart
        case .releaseLimit: .releaseLimit
        case .aloneLimit: .aloneLimit
        case .startLimit: .startLimit
        case .age: .age
        case .bookingPasses: .bookingPasses
        case .crashAgent: .crashAgent
        case .breakLink: .breakLink
        case .renew: .renew
        case .spoil: .spoil
        }
    }
}
