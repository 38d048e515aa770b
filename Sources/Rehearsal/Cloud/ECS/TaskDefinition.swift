import FoundationEssentials
import Model
import StrictJSON

/// The parts of a `RegisterTaskDefinition` input that the stand-in honours, named as in the ECS API
/// reference. Parts that only real infrastructure can honour (cpu, network mode, log drivers,
/// users, read-only file systems) are accepted and have no effect.
struct TaskDefinition: Decodable, Sendable {
    var family: String
    var taskRoleArn: String?
    var volumes: [Volume]?
    var containerDefinitions: [Container]
    /// All of the file, its placeholders filled, which whoever describes it is told.
    private(set) var document: JSON = [:]

    enum CodingKeys: CodingKey { case family, taskRoleArn, volumes, containerDefinitions }

    struct Volume: Decodable, Sendable {
        var name: String
    }

    struct Pair: Decodable, Sendable {
        var name: String
        var value: String
    }

    struct Secret: Decodable, Sendable {
        var name: String
        var valueFrom: String
    }

    struct MountPoint: Decodable, Sendable {
        var sourceVolume: String
        var containerPath: String
        var readOnly: Bool?
    }

    struct Dependency: Decodable, Sendable {
        var containerName: String
        var condition: Condition
    }

    typealias Condition = ContainerDefinition.Condition

    struct HealthCheck: Decodable, Sendable {
        var command: [String]
        /// Seconds; ECS's defaults are 30, 5, 3 and 0.
        var interval: Int?
        var timeout: Int?
        var retries: Int?
        var startPeriod: Int?
    }

    struct RestartPolicy: Decodable, Sendable {
        var enabled: Bool
        var ignoredExitCodes: [Int]?
        /// Seconds, 60 to 1800, 300 by default.
        var restartAttemptPeriod: Int?
    }

    struct Container: Decodable, Sendable {
        var name: String
        var image: String
        var essential: Bool?
        var entryPoint: [String]?
        var command: [String]?
        var environment: [Pair]?
        var secrets: [Secret]?
        var mountPoints: [MountPoint]?
        var dependsOn: [Dependency]?
        var healthCheck: HealthCheck?
        var restartPolicy: RestartPolicy?
        /// Seconds; for how long others wait for this one.
        var startTimeout: Int?
        /// Seconds; Fargate's default is 30.
        var stopTimeout: Int?

        /// ECS takes a container for essential unless told otherwise.
        var isEssential: Bool { essential ?? true }
    }
}

/// The file is not a task definition that can be rehearsed.
struct TaskDefinitionError: Error, Equatable, CustomStringConvertible {
    var description: String
}

extension TaskDefinition {
    func container(_ name: String) -> Container? {
        containerDefinitions.first { $0.name == name }
    }

    /// Where its lines go.
    var logGroup: String? {
        let containers = document["containerDefinitions"]?.array ?? []
        return containers.lazy.compactMap {
            $0["logConfiguration"]?["options"]?["awslogs-group"]?.string
        }.first
    }

    /// Placeholders for what the programs take as unset where it is empty.
    private static let optional: Set<String> = ["agent_keep", "agent_user"]

    /// Reads a task definition with `${name}` placeholders, as Terraform's `templatefile` does.
    ///
    /// Placeholders are replaced inside the parsed strings, so a value can never change the
    /// document's structure.
    init(template: [UInt8], values: [String: String]) throws(TaskDefinitionError) {
        guard let document = JSON(parsing: template) else {
            throw TaskDefinitionError(description: "the task definition is not valid JSON")
        }
        let filled = try TemplateFile.fill(
            document,
            values: values,
            mayBeEmpty: Self.optional
        )
        do {
            self = try StrictJSON.decode(TaskDefinition.self, from: filled.text.utf8)
        } catch {
            throw TaskDefinitionError(description: "the task definition does not decode: \(error)")
        }
        self.document = filled
        try check()
    }

    private func check() throws(TaskDefinitionError) {
        let names = Set(containerDefinitions.map(\.name))
        let volumeNames = Set((volumes ?? []).map(\.name))
        guard containerDefinitions.contains(where: \.isEssential) else {
            throw TaskDefinitionError(description: "no container of the task is essential")
        }
        for container in containerDefinitions {
            for dependency in container.dependsOn ?? [] {
                let target = containerDefinitions.first { $0.name == dependency.containerName }
                guard let target, target.name != container.name else {
                    throw TaskDefinitionError(
                        description: "\(container.name) depends on \(dependency.containerName),"
                            + " which is none of \(names.sorted())"
                    )
                }
                if [.complete, .success].contains(dependency.condition), target.isEssential {
                    throw TaskDefinitionError(
                        description: "\(container.name) waits for the end of \(target.name),"
                            + " which is essential"
                    )
                }
                if dependency.condition == .healthy && target.healthCheck == nil {
                    throw TaskDefinitionError(
                        description: "\(container.name) waits for \(target.name) to be HEALTHY,"
                            + " which has no health check"
                    )
                }
            }
            for mount in container.mountPoints ?? [] where !volumeNames.contains(mount.sourceVolume)
            {
                throw TaskDefinitionError(
                    description: "\(container.name) mounts \(mount.sourceVolume), no such volume"
                )
            }
        }
    }
}

/// The placeholder syntax of Terraform's `templatefile`, as far as a task definition needs it:
/// `${name}`, and `$${` for a literal `${`.
enum TemplateFile {
    /// Replaces every placeholder in the strings of `document`; all faults are reported together.
    ///
    /// - Parameter mayBeEmpty: Placeholders that stand for something that may be left out.
    static func fill(
        _ document: JSON,
        values: [String: String],
        mayBeEmpty: Set<String> = []
    ) throws(TaskDefinitionError) -> JSON {
        var faults: Set<String> = []
        let result = walk(document) {
            fill($0, values: values, mayBeEmpty: mayBeEmpty, faults: &faults)
        }
        guard faults.isEmpty else {
            throw TaskDefinitionError(description: faults.sorted().joined(separator: "; "))
        }
        return result
    }

    private static func walk(_ document: JSON, _ change: (String) -> String) -> JSON {
        switch document {
        case .string(let text): .string(change(text))
        case .array(let items): .array(items.map { walk($0, change) })
        case .object(let members): .object(members.mapValues { walk($0, change) })
        default: document
        }
    }

    private static func fill(
        _ text: String,
        values: [String: String],
        mayBeEmpty: Set<String>,
        faults: inout Set<String>
    ) -> String {
        var result = ""
        var rest = text[...]
        while let mark = rest.firstRange(of: "${") {
            if rest[..<mark.lowerBound].last == "$" {
                result += rest[..<mark.lowerBound].dropLast() + "${"
                rest = rest[mark.upperBound...]
                continue
            }
            result += rest[..<mark.lowerBound]
            guard let end = rest[mark.upperBound...].firstIndex(of: "}") else {
                faults.insert("a placeholder in \"\(text)\" is not closed")
                return text
            }
            let name = String(rest[mark.upperBound..<end])
            switch values[name] {
            case nil: faults.insert("the placeholder ${\(name)} is unknown")
            case "" where !mayBeEmpty.contains(name):
                faults.insert("the placeholder ${\(name)} is not set")
            case let value?: result += value
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
