/// What a sidecar remembers only to tell its story: no decision looks at it. Any two are equal, so
/// that two minds are equal that will do the same.
struct Telling: Hashable, Sendable {
    /// What the last failure of each kind was.
    var protectionCause = ""
    var allowanceCause = ""
    var ledgerCause = ""
    var projectionCause = ""

    var silence = Silence.saidNothing
    /// Why the last reservation was refused, said once for each change of the reason.
    var lastRefusal: StayReason?
    var leaveReason: Reason = .stoppedFromOutside
    /// Why the agent drains without a reservation.
    var replaceReason: Reason?
    /// Why an agent that ended well has no next one.
    var noNextReason: Reason?
    /// Why a reservation is taken back.
    var stayReason: Reason = .caughtJob

    var allowedAt: Instant?
    /// Since when the agent has worked on its job.
    var busySince: Instant?
    var drainsSince: Instant?
    /// When a silence is next worth a line.
    var nextSilenceWarning: Instant?

    var saidNoLauncher = false
    var saidExposed = false
    var saidWorksLong = false
    var saidDrainsLong = false
    var saidUnreadable = false
    var saidGivenUpAtWork = false

    static func == (left: Telling, right: Telling) -> Bool { true }

    func hash(into hasher: inout Hasher) {}
}
