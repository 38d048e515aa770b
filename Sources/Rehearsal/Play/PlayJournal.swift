import Decisions
import Glibc
import Model
import Rules
import Synchronization

/// Numbers of the final table that are counted as things happen.
struct PlayTally: Sendable {
    var boots = 0
    var jobs = 0
    var calls: [String: Int] = [:]
    var refusedCalls = 0
    /// Sidecar and container restarts.
    var restarts = 0
    var renewals = 0
    /// Containers that could not be renewed.
    var spoiled = 0
    /// Jobs that found what an earlier one had left.
    var finds = 0
    /// Why no container can be renewed here.
    var obstacle: String?
    /// From each task's first container to its first agent: what of a boot is this project's own.
    var starts: [Milliseconds] = []
    private var startedAt: [TaskID: Milliseconds] = [:]

    mutating func see(_ event: Happening, at now: Milliseconds) {
        switch event {
        case .containerStarted(let task, _, _, restart: false) where startedAt[task] == nil:
            startedAt[task] = now
        case .agentRegistered(let task, _, _, _):
            // A later one follows no boot.
            if let begin = startedAt.updateValue(.max, forKey: task), begin != .max {
                starts.append(now - begin)
            }
        case .taskStarted: boots += 1
        case .jobStarted: jobs += 1
        case .apiCall(let service): calls[service, default: 0] += 1
        case .refusedCall: refusedCalls += 1
        case .containerStarted(_, _, _, restart: true): restarts += 1
        case .renewed: renewals += 1
        case .spoiled: spoiled += 1
        case .found: finds += 1
        case .notRenewable(_, let reason): obstacle = obstacle ?? reason
        default: break
        }
    }
}

/// Where all that happens arrives, in one order: prints the timeline, states the facts to the rule
/// book, keeps the output of every process. May be called from any thread.
final class PlayJournal: Sendable {
    private struct State: ~Copyable {
        var verdict: PlayVerdict
        var tally = PlayTally()
        var files: [Happening.Source: Int32] = [:]
        /// Why each task's protection was refused last: one that waits asks every few seconds.
        var refusals: [TaskID: String] = [:]
    }

    private let state: Mutex<State>
    private let time: Timebase
    private let paint: Paint
    /// Before each line, where there are several.
    private let pool: String?
    /// Log files go here.
    private let directory: String
    /// Whether the timeline is printed.
    private let isShown: Bool
    /// Is shown everything, in no particular order.
    private let watch: @Sendable (Happening) -> Void

    init(
        time: Timebase,
        paint: Paint,
        pool: String? = nil,
        directory: String,
        isShown: Bool = true,
        book: RuleBook,
        watch: @escaping @Sendable (Happening) -> Void = { _ in }
    ) {
        state = Mutex(State(verdict: PlayVerdict(book)))
        self.time = time
        self.paint = paint
        self.pool = pool
        self.directory = directory
        self.isShown = isShown
        self.watch = watch
    }

    func record(_ event: Happening) {
        let told: Happening? =
            if case .line(.container(let task, PlayNames.agent), let text) = event {
                Happening(of: task, told: text)
            } else { nil }
        state.withLock { state in
            take(event, &state)
            if case .line(let source, let text) = event { write(text, of: source, &state) }
            if let told { take(told, &state) }
            if case .taskStopped(let task) = event { closeFiles(of: task, &state) }
        }
        watch(event)
        if let told { watch(told) }
    }

    var tally: PlayTally { state.withLock { $0.tally } }
    var verdict: PlayVerdict { state.withLock { $0.verdict } }

    /// Prints text that did not happen, such as the final table.
    func print(_ text: String) {
        state.withLock { _ in put(text + "\n") }
    }

    private func take(_ event: Happening, _ state: inout State) {
        state.tally.see(event, at: time.now)
        let violations = state.verdict.see(event, at: time.now)
        if let entry = TimelineEntry(event), isNews(event, &state) { show(entry) }
        for violation in violations { show(TimelineEntry(violation)) }
    }

    /// False for a refusal that only repeats the task's last one.
    private func isNews(_ event: Happening, _ state: inout State) -> Bool {
        switch event {
        case .protectionRefused(let task, let reason):
            return state.refusals.updateValue(reason, forKey: task) != reason
        case .protected(let task, _), .taskStopped(let task): state.refusals[task] = nil
        default: break
        }
        return true
    }

    private func show(_ entry: TimelineEntry) {
        guard isShown else { return }
        let stamp = padded(tenths(Double(time.now) / 1000), 7, right: true)
        put(
            paint.dim(stamp) + "  " + (pool.map { $0 + "  " } ?? "") + padded(entry.who, 20) + "  "
                + paint(entry.what, entry.weight) + "\n"
        )
    }

    // MARK: - Files

    private func write(_ text: String, of source: Happening.Source, _ state: inout State) {
        if state.files[source] == nil {
            let name =
                switch source {
                case .endpoint: "endpoint"
                case .container(let task, let name): "\(short(task))-\(name)"
                }
            state.files[source] = open(
                "\(directory)/\(name).log",
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                0o600
            )
        }
        guard let file = state.files[source], file >= 0 else { return }
        Self.writeAll(Array((text + "\n").utf8), to: file)
    }

    private func closeFiles(of task: TaskID, _ state: inout State) {
        for (source, file) in state.files {
            guard case .container(task, _) = source else { continue }
            if file >= 0 { close(file) }
            state.files[source] = nil
        }
    }

    private func put(_ text: String) { Self.writeAll(Array(text.utf8), to: 1) }

    private static func writeAll(_ bytes: [UInt8], to file: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
