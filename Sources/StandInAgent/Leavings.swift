import FoundationEssentials
import Glibc
import Seeded

/// What the jobs of a rehearsal leave behind and look for. Whether they find something of an earlier
/// one is how it is seen that jobs are kept apart.
///
/// What is left bears the name of its container: where containers share a machine, a job does not
/// take another container's things for those of an earlier job.
struct Leavings: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case home
        case cache
        /// One that cannot be entered, with a FIFO and a link out of it.
        case directory
        /// The agent's own program, replaced by one that says so.
        case program
        case temporary
        /// A file in `/dev/shm`.
        case memory
        /// System V objects.
        case objects
        /// A daemon that ignores signals.
        case process

        /// How a shell makes it, as `$1`.
        fileprivate var script: String {
            switch self {
            case .home: #"echo job > "$HOME/$1""#
            case .cache: #"mkdir -p "$HOME/.cache" && echo job > "$HOME/.cache/$1""#
            case .directory:
                #"mkdir -p "$HOME/$1.d/a" && mkfifo "$HOME/$1.d/a/b" && ln -s / "$HOME/$1.d/a/c""#
                    + #" && chmod 000 "$HOME/$1.d/a""#
            case .program:
                #"sed "1a export STAND_IN_LEFT=$1" "$HOME/bin/tfc-agent" > "$HOME/bin/$1.new""#
                    + #" && chmod 755 "$HOME/bin/$1.new" && mv "$HOME/bin/$1.new" "$HOME/bin/tfc-agent""#
            case .temporary: #"echo job > "/tmp/$1" && echo job > "/var/tmp/$1""#
            case .memory: #"echo job > "/dev/shm/$1""#
            case .objects: "(ipcmk -M 4096 && ipcmk -S 1 && ipcmk -Q) > /dev/null"
            case .process:
                // Not for longer: where jobs share an agent nobody else ends it.
                #"(trap '' HUP INT TERM; exec setsid sh -c 'sleep 20; :' "$1") < /dev/null > /dev/null 2>&1 &"#
            }
        }
    }

    /// What may be left where this agent runs.
    let kinds: [Kind]
    let seed: UInt64
    /// Two rehearsals of one seed beside each other have tasks of the same names, so the port of the
    /// rehearsal's HCP Terraform is part of it.
    let container: String
    let home: String

    init(_ settings: StandInSettings) {
        kinds = settings.leaves
        seed = settings.seed
        let port = settings.address.split(separator: ":").last?.prefix { $0.isNumber } ?? ""
        container = "\(port)-\(settings.task)"
        home = settings.home
    }

    private var prefix: String { "left-\(container)-" }

    /// What the job of that name leaves: some of it, by the seed.
    func chosen(by job: String) -> [Kind] {
        // FNV-1a: the same for a name on every machine.
        let name = job.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
        var random = SeededRandom(seed: seed ^ name)
        let some = kinds.filter { _ in Bool.random(using: &random) }
        return some.isEmpty ? kinds.randomElement(using: &random).map { [$0] } ?? [] : some
    }

    /// Shell that leaves what the job of that name leaves.
    ///
    /// - Returns: nil where nothing is to be left.
    func script(of job: String) -> [String]? {
        let lines = chosen(by: job).map(\.script)
        guard !lines.isEmpty else { return nil }
        return ["sh", "-c", lines.joined(separator: "\n"), "sh", prefix + job]
    }

    // MARK: Looking

    /// What there is of earlier jobs, each as the end of a sentence.
    func found() -> [String] {
        guard !kinds.isEmpty else { return [] }
        return files() + processes() + (kinds.contains(.objects) ? objects() : []) + program()
    }

    private func files() -> [String] {
        let folders = [home, home + "/.cache", home + "/bin", "/tmp", "/var/tmp", "/dev/shm"]
        return folders.flatMap { folder in
            entries(folder).filter { $0.hasPrefix(prefix) }.sorted().map { "\(folder)/\($0)" }
        }
    }

    private func processes() -> [String] {
        entries("/proc").compactMap { pid_t($0) }.sorted().compactMap { pid in
            let words = contents("/proc/\(pid)/cmdline").split(separator: 0)
            let name = words.last.map { String(decoding: $0, as: UTF8.self) }
            return name.flatMap { $0.hasPrefix(prefix) ? "process \(pid), \($0)" : nil }
        }
    }

    /// The files of proc_sysvipc(5) have the owner's number in a column that their first line names.
    private func objects() -> [String] {
        ["shm", "sem", "msg"].flatMap { kind in
            let lines = contents("/proc/sysvipc/\(kind)").split(separator: UInt8(ascii: "\n"))
                .map { $0.split(separator: UInt8(ascii: " ")) }
            guard let column = lines.first?.firstIndex(where: { $0.elementsEqual("uid".utf8) })
            else { return [String]() }
            let own = lines.dropFirst().filter {
                $0.count > column && $0[column].elementsEqual("\(getuid())".utf8)
            }
            return own.isEmpty ? [] : ["\(own.count) System V objects (\(kind))"]
        }
    }

    private func program() -> [String] {
        getenv("STAND_IN_LEFT").map { ["the agent's program as \(String(cString: $0)) made it"] }
            ?? []
    }

    private func entries(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    /// Files in /proc have no size, so they are read to their end.
    private func contents(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while case let count = read(descriptor, &piece, piece.count), count > 0 {
            all += piece.prefix(count)
        }
        return all
    }
}
