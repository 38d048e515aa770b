import Model

/// A run of the rehearsal: its life, and when it came into each status.
struct RehearsedRun: Sendable {
    let workspace: String
    private(set) var life: RunLife
    private(set) var history: [(status: RunStatus, at: Milliseconds)] = []

    init(_ life: RunLife, workspace: String) {
        self.life = life
        self.workspace = workspace
    }

    var id: String { life.id }
    var isPlanOnly: Bool { life.outcome == .planned }

    mutating func handle(_ input: RunLife.Input, at now: Milliseconds) -> RunLife.Effect? {
        let before = life.status
        let effect = life.handle(input, at: now)
        if life.status != before { history.append((life.status, now)) }
        return effect
    }

    /// When it came into a status for the first time.
    func at(_ status: RunStatus) -> Milliseconds? {
        history.first { $0.status == status }?.at
    }
}
