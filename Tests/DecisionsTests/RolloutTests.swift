import Decisions
import Testing

/// What one reading of a service's deployments says to one of its tasks.
@Suite("Rollout")
struct RolloutTests {
    private static func at(_ seconds: Int) -> WallTime { WallTime(milliseconds: seconds * 1000) }

    /// Deployment 1 is 100 s old when 2 comes.
    private static let old = DeploymentView(
        id: "ecs-svc/1",
        isPrimary: false,
        state: .completed,
        createdAt: at(0),
        running: 2
    )
    private static let new = DeploymentView(
        id: "ecs-svc/2",
        isPrimary: true,
        state: .inProgress,
        createdAt: at(100)
    )

    private func rollout(
        _ deployments: [DeploymentView] = [old, new],
        of deployment: String? = "ecs-svc/1",
        born: Int = 50,
        hasOlderDefinition: Bool = false
    ) -> Rollout {
        Rollout(
            deployments,
            start: TaskStart(deployment: deployment, createdAt: Self.at(born)),
            hasOlderDefinition: hasOlderDefinition
        )
    }

    @Test("a forced deployment makes a task older, though its task definition is the newest")
    func forced() {
        #expect(rollout().isOutdated)
        #expect(!rollout(of: "ecs-svc/2", born: 150, hasOlderDefinition: true).isOutdated)
    }

    @Test("where the own deployment or the newest one is not known, task definitions decide")
    func fallback() {
        for isOlder in [true, false] {
            #expect(rollout(of: nil, hasOlderDefinition: isOlder).isOutdated == isOlder)
            let unread = Rollout([Self.old, Self.new], start: nil, hasOlderDefinition: isOlder)
            #expect(unread.isOutdated == isOlder)
            #expect(!unread.isReplacement)
            let none = Rollout([], start: nil, hasOlderDefinition: isOlder)
            #expect(none.isOutdated == isOlder)
            #expect(!none.isOpen)
            #expect(none.progress == .runs)
        }
    }

    @Test("a deployment is open while it is in progress, or an older one is left")
    func open() {
        var done = Self.new
        done.state = .completed
        #expect(Rollout.isOpen([Self.new]))
        #expect(Rollout.isOpen([done, Self.old]))
        #expect(!Rollout.isOpen([done]))
        #expect(!Rollout.isOpen([]))
    }

    @Test("a task of the old revision that is younger than the new one is a replacement")
    func replacement() {
        #expect(!rollout(born: 99).isReplacement)
        #expect(rollout(born: 100).isReplacement)
    }

    @Test("after a rollback a task of the revision that was rolled back is no replacement")
    func rollback() {
        var failed = Self.new
        failed.isPrimary = false
        failed.state = .failed
        var back = Self.old
        back.isPrimary = true
        back.state = .inProgress
        let seen = rollout([back, failed], of: "ecs-svc/2", born: 150)
        #expect(seen.isOutdated && seen.isOpen && !seen.isReplacement)
        #expect(!rollout([back, failed], of: "ecs-svc/1", born: 50).isOutdated)
    }

    @Test("a newest revision is untried, starting, running or failing")
    func progress() {
        func progress(_ running: Int, _ pending: Int, _ failed: Int, _ state: DeploymentView.State)
            -> Rollout.Progress
        {
            var new = Self.new
            (new.running, new.pending, new.failed) = (running, pending, failed)
            new.state = state
            return rollout([Self.old, new]).progress
        }
        #expect(progress(0, 0, 0, .inProgress) == .untried)
        #expect(progress(0, 1, 0, .inProgress) == .starting)
        #expect(progress(2, 1, 0, .inProgress) == .starting)
        #expect(progress(2, 0, 0, .inProgress) == .runs)
        // ECS stops to count failures once a task runs.
        #expect(progress(1, 0, 1, .inProgress) == .runs)
        #expect(progress(0, 1, 1, .inProgress) == .fails)
        #expect(progress(0, 0, 1, .inProgress) == .stalled)
        #expect(progress(0, 0, 2, .inProgress) == .stalled)
        #expect(progress(0, 0, 3, .inProgress) == .fails)
        #expect(progress(1, 0, 0, .failed) == .fails)
    }

    @Test("a task is handed over while a deployment is open and its newest revision can start")
    func handsOver() {
        #expect(Rollout().handsOver)
        #expect(Rollout(progress: .untried).handsOver)
        #expect(Rollout(isReplacement: true).handsOver)
        #expect(!Rollout(isOpen: false).handsOver)
        #expect(!Rollout(isOutdated: false).handsOver)
        #expect(!Rollout(progress: .fails).handsOver)
        #expect(!Rollout(progress: .stalled).handsOver)
    }

    // MARK: Who makes room

    private func makesRoom(
        _ rollout: Rollout,
        running: Int = 2,
        isRoomMade: Bool = false,
        startsFail: Bool = false
    ) -> Bool {
        Comparison(
            size: 2,
            desired: 2,
            running: running,
            rollout: rollout,
            isRoomMade: isRoomMade,
            startsFail: startsFail
        ).makesRoom
    }

    @Test("an idle agent makes room for a revision of which every task that was started runs")
    func room() {
        #expect(makesRoom(Rollout()))
        #expect(makesRoom(Rollout(), isRoomMade: true))
        #expect(makesRoom(Rollout(isOpen: false)))
        #expect(!makesRoom(Rollout(progress: .starting)))
        #expect(!makesRoom(Rollout(progress: .fails)))
        #expect(!makesRoom(.settled))
    }

    @Test("until a task of the newest revision runs, one agent goes and the others wait")
    func firstOne() {
        #expect(makesRoom(Rollout(progress: .untried)))
        #expect(!makesRoom(Rollout(progress: .untried), isRoomMade: true))
    }

    @Test("a single failed start that ECS has no room to try again ends no deployment for good")
    func stalled() {
        #expect(makesRoom(Rollout(progress: .stalled)))
        #expect(!makesRoom(Rollout(progress: .stalled), isRoomMade: true))
        #expect(!makesRoom(Rollout(progress: .stalled), running: 1))
    }

    @Test("nobody makes room while a task is missing, or agents of the newest revision fail")
    func missing() {
        #expect(!makesRoom(Rollout(), running: 1))
        #expect(!makesRoom(Rollout(), startsFail: true))
    }

    @Test(
        "a replacement of the old revision stays until it is one too many",
        arguments: [Rollout.Progress.runs, .untried]
    )
    func replacementStays(progress: Rollout.Progress) {
        #expect(!makesRoom(Rollout(isReplacement: true, progress: progress)))
    }

    // MARK: What the ledger adds

    private let limits = Limits(desiredCount: 2, maxCount: 5, spareCount: 0) ?? .fallback

    @Test("a departure that ECS answers with a fresh task is seen for as long as is asked")
    func recycled() {
        var ledger = Ledger(version: 1, size: 2)
        #expect(!ledger.hasRecycled(within: .seconds(600), at: Self.at(1)))
        _ = ledger.depart(TaskID("a"), at: Self.at(10), limits)
        #expect(ledger.hasRecycled(within: .seconds(600), at: Self.at(610)))
        #expect(!ledger.hasRecycled(within: .seconds(600), at: Self.at(611)))
        var shrinking = Ledger(version: 1, size: 3)
        _ = shrinking.depart(TaskID("a"), at: Self.at(10), limits)
        #expect(shrinking.size == 2)
        #expect(!shrinking.hasRecycled(within: .seconds(600), at: Self.at(11)))
    }

    @Test("agents that fail to start are seen while the ledger tries again, and a while after")
    func failedStarts() {
        var ledger = Ledger(version: 1, size: 2)
        func fails(at seconds: Int) -> Bool {
            ledger.startsFail(within: .seconds(600), at: Self.at(seconds), limits)
        }
        #expect(!fails(at: 0))
        _ = ledger.depart(TaskID("a"), failedStart: true, at: Self.at(10), limits)
        #expect(fails(at: 610))
        // One chance failure must not hold up a deployment for ever.
        #expect(!fails(at: 611))
        for (second, task) in [(20, "b"), (30, "c")] {
            _ = ledger.depart(TaskID(task), failedStart: true, at: Self.at(second), limits)
        }
        // The third one lowers the service: the next try is the ledger's own.
        #expect(ledger.size == 1)
        #expect(fails(at: 9_000))
        _ = ledger.apply(
            .reserve(aboveSize: .zero, isFresh: true),
            of: TaskID("d"),
            live: [],
            finished: [],
            patience: nil,
            at: Self.at(9_001),
            limits
        )
        #expect(!fails(at: 9_002))
    }
}
