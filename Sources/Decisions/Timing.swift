/// All durations that a sidecar decides with, those of its settings left out. One value, so that
/// a small world can be played with small ones: `Tests/DecisionsTests/TimingTests.swift` holds
/// which orders among them the decisions rest on.
package struct Timing: Hashable, Sendable {
    // MARK: Trying again

    /// Pause after the first failure in a row; it doubles with each further one. Short, since the
    /// launcher holds a leaving container open for 20 s only.
    package var firstPause: Duration = .milliseconds(500)
    package var longestPause: Duration = .seconds(30)

    // MARK: Protection

    /// A refusal that lasts this long is a fault of the installation, not a passing one.
    package var protectionPatience: Duration = .seconds(60)
    /// An agent is started after so long though neither protection nor ledger answers. An entry in
    /// the ledger would have had its time by then, and as long as its sidecar answers the launcher
    /// waits for ever.
    package var runComesFirst: Duration = .seconds(100)
    /// A task that is not needed yet asks again; ECS's bucket for protection calls refills by
    /// 80 a second for the whole account (ECS developer guide, "Request throttling").
    package var askAgain: Duration = .seconds(5)
    package var askSlowly: Duration = .seconds(30)
    /// The exposure must be in the ledger before protection ends.
    package var expiryMargin: Duration = .seconds(300)
    /// Whatever is left of an earlier grant: the write of the exposure, and a lowering that was on
    /// its way before it, must have come to their end while the task is still protected.
    package var leastLeft: Duration = .seconds(45)
    /// However long it holds, it is renewed this often; a busy agent's job is said again with it.
    package var renewEvery: Duration = .seconds(1_800)
    /// Longer than any call that lowers the service may take, its tries together, and than ECS
    /// takes to act on it: the task that left is counted until its container has ended, and ECS
    /// would stop the only unprotected one in its place. A service that is seen to follow the
    /// ledger may still be about to do so.
    package var loweringPatience: Duration = .seconds(30)
    /// An exposure is said again now and then: a ledger that was lost knows of none, and the task
    /// could be stopped for that.
    package var exposeAgain: Duration = .seconds(60)

    // MARK: Ledger and service

    /// An agent that must stay asks again after this pause.
    package var reserveAgain: Duration = .seconds(60)
    /// How often a busy agent's job is said again at the most; with protection, which is renewed
    /// every half hour at least.
    package var sayJobEvery: Duration = .seconds(900)
    /// How often an idle sidecar compares service and ledger.
    package var compareEvery: Duration = .seconds(60)
    /// How soon, after a reading that failed where the one before was not as it should be.
    package var compareAgain: Duration = .seconds(15)
    /// A row of readings with a longer gap is broken, and a reading that is older says nothing.
    package var longestGap: Duration = .seconds(120)
    /// The launcher holds its container open for 20 s. The ledger is right by now, so whoever
    /// compares next makes ECS follow.
    package var projectionPatience: Duration = .seconds(15)
    /// How long the launcher may take to renew its container after an agent's end. It gives up after
    /// 10 s itself, and where it renews nothing the departure is still to be booked within its 20 s.
    package var renewalPatience: Duration = .seconds(12)
    /// How long ECS's deployment has to stop a task that is handed over to it. It does so within a
    /// minute; what AWS says of eventual consistency goes up to five, and here it is twice that,
    /// since all that the wait costs is an agent fewer, and one that leaves by itself may be
    /// answered with the old revision.
    package var handOverPatience: Duration = .seconds(600)
    package var strayAfter: Duration = Ledger.strayAfter
    package var listLag: Duration = Ledger.listLag
    package var reservationLimit: Duration = Ledger.reservationLimit

    // MARK: HCP Terraform's view

    /// One request a minute for each agent: many share the token's limit of 30 a second.
    package var watchEvery: Duration = .seconds(60)
    package var watchSeldom: Duration = .seconds(600)
    /// Two looks and a half: an agent must not stay because the API went away.
    package var watchedFor: Duration = .seconds(150)

    // MARK: The launcher, and what is only said

    /// The launcher would have connected again within a second: its container is gone.
    package var linkPatience: Duration = .seconds(5)
    package var launcherPatience: Duration = .seconds(60)
    /// The longest that Terraform Enterprise lets a plan or an apply be configured to
    /// (application administration, "General settings").
    package var longestJob: Duration = .seconds(86_400)
    /// Longer than an agent takes to start, or to say what it does after a restart of its sidecar.
    package var longestSilence: Duration = .seconds(600)
    package var silenceAgain: Duration = .seconds(3_600)
    /// An idle agent exits within seconds of its signal.
    package var longestDrain: Duration = .seconds(300)

    /// What runs in production.
    package static let shipped = Timing()

    /// Whole seconds, as few as keep the order: a small world has as many states as its clocks
    /// have positions. What lasts less than a second here is over at once.
    package static let small: Timing = {
        var timing = Timing()
        timing.firstPause = .seconds(1)
        timing.longestPause = .seconds(1)
        timing.protectionPatience = .seconds(2)
        timing.runComesFirst = .seconds(4)
        timing.askAgain = .seconds(1)
        timing.askSlowly = .seconds(1)
        timing.expiryMargin = .seconds(6)
        timing.leastLeft = .seconds(2)
        timing.renewEvery = .seconds(4)
        timing.loweringPatience = .seconds(1)
        timing.exposeAgain = .seconds(2)
        timing.reserveAgain = .seconds(2)
        timing.sayJobEvery = .seconds(4)
        timing.compareEvery = .seconds(2)
        timing.compareAgain = .seconds(1)
        timing.longestGap = .seconds(4)
        timing.projectionPatience = .seconds(1)
        timing.renewalPatience = .seconds(1)
        timing.handOverPatience = .seconds(7)
        timing.strayAfter = .seconds(6)
        timing.listLag = .seconds(6)
        timing.reservationLimit = .seconds(7)
        timing.watchEvery = .seconds(2)
        timing.watchSeldom = .seconds(7)
        timing.watchedFor = .seconds(5)
        timing.linkPatience = .seconds(1)
        timing.launcherPatience = .seconds(2)
        timing.longestJob = .seconds(40)
        timing.longestSilence = .seconds(7)
        timing.silenceAgain = .seconds(20)
        timing.longestDrain = .seconds(6)
        return timing
    }()

    /// Fewer than decide which are equal: a mind that is looked up is hashed with its timing.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(firstPause)
        hasher.combine(strayAfter)
    }

    /// Pause after the n-th failure in a row.
    func pause(after failures: Int) -> Duration {
        min(longestPause, firstPause * (1 << min(failures - 1, Self.doublings)))
    }

    /// More failures in a row than this change no pause.
    static let doublings = 6
}
