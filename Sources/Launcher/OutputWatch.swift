/// Tells when all that an ended agent wrote has been passed on. Usually both pipes are closed at
/// once; a process that the agent left behind may hold them open for ever, and then they are taken
/// as done when nothing has come for a while.
struct OutputWatch {
    /// How often to look while a pipe is still open.
    static let lookEvery: Milliseconds = 20

    /// How long nothing has to come: longer than a busy machine keeps a pump from its turn.
    private static let grace: Milliseconds = 100

    private var last: [OutputPump.Progress] = []
    private var quietSince: Milliseconds = 0

    /// Looks once.
    ///
    /// - Parameters:
    ///   - pumps: The agent's stdout and stderr.
    ///   - now: The time.
    /// - Returns: Whether everything is passed on.
    mutating func isSettled(_ pumps: [OutputPump], _ now: Milliseconds) -> Bool {
        let progress = pumps.map(\.progress)
        if progress.allSatisfy(\.isOver) { return true }
        if progress != last || !progress.allSatisfy(\.isEmpty) {
            last = progress
            quietSince = now
        }
        return now - quietSince >= OutputWatch.grace
    }
}
