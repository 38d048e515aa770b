import AWS
import Curl
import FoundationEssentials
import Glibc
import Rules
import Synchronization

/// An account of AWS, where Terraform makes everything and takes it away. It removes what is in its own
/// state and nothing else.
final class TerraformGround: ProofGround {
    /// Where copy of the module, variables, secrets and state are: whoever has it can take everything
    /// away, whatever became of this process.
    let folder: String
    private let settings: ProofSettings
    /// The folder of the module.
    private let module: String
    /// Variables with the images, as docker/build writes them.
    private let images: String
    private let terraform: String
    private let environment: [String: String]
    private let http: any HTTPClient
    private let say: @Sendable (String) -> Void
    private let child = Mutex<Int?>(nil)
    private let isDestroying = Mutex(false)

    private static let example = "examples/prove"

    init(
        _ settings: ProofSettings,
        folder: String,
        module: String,
        images: String,
        terraform: String,
        environment: [String: String],
        http: any HTTPClient,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.settings = settings
        self.folder = folder
        self.module = module
        self.images = images
        self.terraform = terraform
        self.http = http
        self.say = say
        var environment = environment
        environment["AWS_REGION"] = settings.region
        environment["TF_IN_AUTOMATION"] = "1"
        environment["TF_INPUT"] = "0"
        self.environment = environment
    }

    private var place: String { "\(folder)/\(Self.example)" }
    private var variablesFile: String { place + "/prove.auto.tfvars.json" }

    var removal: String {
        "rehearsal prove --region \(settings.region) --prefix \(settings.prefix) --take-away"
    }

    func open() async throws -> AWSClient {
        AWSClient(
            try AWSEnvironment(environment),
            credentials: CredentialsProvider(try CredentialsSource(environment), http: http),
            http: http
        )
    }

    // MARK: Making

    func deploy() async throws -> ProofTarget {
        try copyModule()
        let hmacKey = SecretKind.hmacKey.random()
        try write([
            "prefix": .string(settings.prefix), "region": .string(settings.region),
            "marker": .string(settings.marker), "max_count": .int(ProofSettings.maxCount),
            "agent_token": .string(SecretKind.agentToken.random()), "hmac_key": .string(hmacKey),
            "refuse_protection": false,
        ])
        try await run(["init", "-no-color"])
        try await apply()
        let outputs = JSON(parsing: try await run(["output", "-json"]).joined().utf8)
        func output(_ name: String) throws -> String {
            guard let text = outputs?[name]?["value"]?.string else {
                throw ProofError(description: "Terraform has no output \(name)")
            }
            return text
        }
        return ProofTarget(
            webhook: try output("webhook_url"),
            hmacKey: hmacKey,
            address: try output("address")
        )
    }

    private func copyModule() throws {
        let files = FileManager.default
        do {
            try files.createDirectory(
                atPath: place,
                withIntermediateDirectories: true
            )
            // Variables and state have secrets.
            try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
            for (from, to) in [(module, folder), ("\(module)/\(Self.example)", place)] {
                for name in try files.contentsOfDirectory(atPath: from).sorted()
                where name.hasSuffix(".tf") || name == "task-definition.json" {
                    try files.copyItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
                }
            }
            try files.copyItem(atPath: images, toPath: place + "/images.auto.tfvars")
        } catch {
            throw ProofError(description: "the module cannot be copied to \(folder): \(error)")
        }
    }

    private func write(_ variables: [String: JSON]) throws {
        let isMade = FileManager.default.createFile(
            atPath: variablesFile,
            contents: Data(JSON.object(variables).text.utf8),
            attributes: [.posixPermissions: 0o600]
        )
        guard isMade else { throw ProofError(description: "\(variablesFile) cannot be written") }
    }

    private func apply() async throws {
        try await run(["apply", "-no-color", "-auto-approve"])
    }

    func refuseProtection(_ isRefused: Bool) async throws {
        guard var variables = variables else {
            throw ProofError(description: "\(variablesFile) cannot be read")
        }
        variables["refuse_protection"] = .bool(isRefused)
        try write(variables)
        try await apply()
    }

    private var variables: [String: JSON]? {
        FileManager.default.contents(atPath: variablesFile).flatMap { JSON(parsing: $0)?.object }
    }

    /// The marker of the proof whose folder this is.
    static func marker(in folder: String) -> String? {
        let file = "\(folder)/\(Self.example)/prove.auto.tfvars.json"
        return FileManager.default.contents(atPath: file)
            .flatMap { JSON(parsing: $0)?["marker"]?.string }
    }

    // MARK: Taking away

    func takeAway() async throws {
        if FileManager.default.fileExists(atPath: place + "/terraform.tfstate") {
            isDestroying.withLock { $0 = true }
            try await run(["destroy", "-no-color", "-auto-approve"])
        }
    }

    func forget() throws {
        do {
            try FileManager.default.removeItem(atPath: folder)
        } catch {
            throw ProofError(description: "\(folder) cannot be removed: \(error)")
        }
    }

    func close() async {}

    /// Has Terraform stop after what it is doing, with its state written.
    ///
    /// - Parameter destroying: also where it takes everything away.
    func interrupt(destroying: Bool) {
        guard destroying || !isDestroying.withLock({ $0 }) else { return }
        if let pid = child.withLock({ $0 }) { kill(pid_t(pid), SIGINT) }
    }

    /// Lines that tell how far it is.
    private static func isNews(_ line: String) -> Bool {
        line.hasPrefix("Apply complete!") || line.hasPrefix("Destroy complete!")
            || line.hasPrefix("Plan:") || line.contains("Error:")
    }

    /// - Returns: its output, line by line.
    @discardableResult
    private func run(_ words: [String]) async throws -> [String] {
        // Between two commands nobody interrupts Terraform.
        try Task.checkCancellation()
        let log = "\(folder)/terraform.log"
        say("  terraform \(words.first ?? "")")
        let program = Program(
            path: terraform,
            arguments: words,
            environment: environment,
            directory: place
        )
        // The output of `output` has secrets.
        let isSecret = words.first == "output"
        let lines = OutputLines(file: isSecret ? nil : log) { [say] line in
            if !isSecret, Self.isNews(line) { say("    " + line) }
        }
        let code: Int = try await withCheckedThrowingContinuation { continuation in
            do {
                let pid = try ChildProcess.start(
                    program,
                    line: { _, line in lines.take(line) },
                    exit: { continuation.resume(returning: $0) }
                )
                child.withLock { $0 = pid }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        child.withLock { $0 = nil }
        guard code == 0 else {
            throw ProofError(
                description: "terraform \(words.first ?? "") ended with code \(code); see \(log):\n"
                    + (isSecret ? [] : lines.all.suffix(20)).joined(separator: "\n")
            )
        }
        return lines.all
    }
}

/// Collects a process's output, from whatever thread reads it, and keeps it in a file.
private final class OutputLines: Sendable {
    private let lines = Mutex<[String]>([])
    private let file: Int32
    private let watch: @Sendable (String) -> Void

    init(file path: String?, watch: @escaping @Sendable (String) -> Void) {
        file = path.map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) } ?? -1
        self.watch = watch
    }

    deinit { if file >= 0 { close(file) } }

    var all: [String] { lines.withLock { $0 } }

    func take(_ line: String) {
        lines.withLock { $0.append(line) }
        let bytes = Array((line + "\n").utf8)
        if file >= 0 { _ = write(file, bytes, bytes.count) }
        watch(line)
    }
}
