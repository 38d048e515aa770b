import Decisions

/// What a container image is on this machine: files that stand for the image's own, and
/// directories for the front of `PATH`.
struct LocalImage: Sendable {
    /// Image name without its tag.
    var name: String
    /// Path in the image to path on this machine.
    var files: [String: String] = [:]
    var path: [String] = []
    /// Set in every container of this image, as by `ENV` in its Dockerfile.
    var environment: [String: String] = [:]
}

/// Turns a container definition into a program to start: ECS's environment, the image's files and
/// the shared volume, with every path inside a mount replaced by the volume's local directory.
struct ContainerPlan: Sendable {
    static let systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// What ECS gives the containers of one task.
    struct Surroundings: Sendable {
        var task: TaskID
        /// The stand-ins' address, `http://127.0.0.1:port`.
        var base: String
        var region: String
        /// Unguessable part of the task's own addresses; one per container for the metadata.
        var endpointID: String
        var metadataID: String
        var credentialsID: String
        /// Volume name to local directory.
        var volumes: [String: String]
        var workingDirectory: String
        /// The marker of this container's processes, and of all of this rehearsal.
        var marker: String
        var rehearsal: String
        /// Variables that pass through from this process, such as `LD_LIBRARY_PATH`.
        var inherited: [String: String] = [:]
        /// Added to the task definition's own environment, by container name.
        var extra: [String: [String: String]] = [:]
        /// What the container has to itself, so that its paths are as they are deployed.
        var enclosure: Enclosure?
    }

    let images: [LocalImage]
    /// SSM parameters by name.
    let parameters: [String: String]

    /// The container's main program.
    func program(
        _ container: TaskDefinition.Container,
        _ surroundings: Surroundings
    ) throws(TaskDefinitionError) -> Program {
        let words = (container.entryPoint ?? []) + (container.command ?? [])
        guard !words.isEmpty else {
            throw TaskDefinitionError(
                description: "\(container.name) has neither entryPoint nor command; the image's"
                    + " own cannot be known here"
            )
        }
        var program = try program(words, of: container, surroundings)
        program.container = surroundings.marker
        return program
    }

    /// The container's health check: `CMD` runs a program, `CMD-SHELL` a shell.
    func healthCheck(
        _ container: TaskDefinition.Container,
        _ surroundings: Surroundings
    ) throws(TaskDefinitionError) -> Program {
        let words = container.healthCheck?.command ?? []
        switch words.first {
        case "CMD" where words.count > 1:
            return try program(Array(words.dropFirst()), of: container, surroundings)
        case "CMD-SHELL" where words.count == 2:
            var program = try program(["/bin/sh"], of: container, surroundings, anyFile: true)
            program.arguments = ["-c", words[1]]
            return program
        default:
            throw TaskDefinitionError(
                description: "the health check of \(container.name) is neither CMD nor CMD-SHELL"
            )
        }
    }

    private func program(
        _ words: [String],
        of container: TaskDefinition.Container,
        _ surroundings: Surroundings,
        anyFile: Bool = false
    ) throws(TaskDefinitionError) -> Program {
        let image = try image(of: container)
        let mounts = try mounts(of: container, surroundings)
        if var enclosure = surroundings.enclosure {
            enclosure.mounts = mounts
            return Program(
                path: words[0],
                arguments: Array(words.dropFirst()),
                environment: try environment(of: container, image, [], surroundings),
                directory: "/",
                enclosure: enclosure
            )
        }
        let mapped = words.map { Self.local($0, mounts) }
        var path = mapped[0]
        if path == words[0] && !anyFile {
            guard let file = image.files[path] else {
                throw TaskDefinitionError(
                    description: "the image \(image.name) has no \(path) on this machine"
                )
            }
            path = file
        }
        return Program(
            path: path,
            arguments: Array(mapped.dropFirst()),
            environment: try environment(of: container, image, mounts, surroundings),
            directory: surroundings.workingDirectory
        )
    }

    private func environment(
        of container: TaskDefinition.Container,
        _ image: LocalImage,
        _ mounts: [Enclosure.Mount],
        _ surroundings: Surroundings
    ) throws(TaskDefinitionError) -> [String: String] {
        let base = surroundings.base
        var result = surroundings.inherited
        result["PATH"] = (image.path + [Self.systemPath]).joined(separator: ":")
        result["HOME"] = surroundings.workingDirectory
        result["HOSTNAME"] = "ip-10-0-0-1.ec2.internal"
        result.merge(image.environment) { _, new in new }
        result["AWS_REGION"] = surroundings.region
        result["AWS_DEFAULT_REGION"] = surroundings.region
        result["AWS_EXECUTION_ENV"] = "AWS_ECS_FARGATE"
        result["AWS_ENDPOINT_URL"] = base
        result["ECS_CONTAINER_METADATA_URI_V4"] = "\(base)/v4/\(surroundings.metadataID)"
        result["ECS_AGENT_URI"] = "\(base)/api/\(surroundings.endpointID)"
        // ECS sets AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, a path on the fixed host
        // 169.254.170.2, which a server on loopback cannot take; the full form is read by every
        // AWS SDK in the same way and is allowed for loopback.
        result["AWS_CONTAINER_CREDENTIALS_FULL_URI"] =
            "\(base)/v2/credentials/\(surroundings.credentialsID)"
        for pair in container.environment ?? [] {
            result[pair.name] = Self.local(pair.value, mounts)
        }
        for secret in container.secrets ?? [] {
            result[secret.name] = try parameter(secret, of: container)
        }
        result.merge(surroundings.extra[container.name] ?? [:]) { _, new in new }
        result[Leftovers.containerName] = surroundings.marker
        result[Leftovers.rehearsalName] = surroundings.rehearsal
        return result
    }

    private func image(
        of container: TaskDefinition.Container
    ) throws(TaskDefinitionError) -> LocalImage {
        let name = String(container.image.prefix { $0 != ":" && $0 != "@" })
        guard let image = images.first(where: { $0.name == name }) else {
            let known = images.map(\.name).joined(separator: ", ")
            throw TaskDefinitionError(
                description: "the image \(container.image) is unknown here; known are \(known)"
            )
        }
        return image
    }

    private func mounts(
        of container: TaskDefinition.Container,
        _ surroundings: Surroundings
    ) throws(TaskDefinitionError) -> [Enclosure.Mount] {
        var result: [Enclosure.Mount] = []
        for mount in container.mountPoints ?? [] {
            guard let directory = surroundings.volumes[mount.sourceVolume] else {
                throw TaskDefinitionError(description: "no volume \(mount.sourceVolume)")
            }
            result.append(
                Enclosure.Mount(
                    path: mount.containerPath,
                    directory: directory,
                    isReadOnly: mount.readOnly ?? false
                )
            )
        }
        return result
    }

    private func parameter(
        _ secret: TaskDefinition.Secret,
        of container: TaskDefinition.Container
    ) throws(TaskDefinitionError) -> String {
        let name = secret.valueFrom.firstRange(of: ":parameter").map {
            String(secret.valueFrom[$0.upperBound...])
        }
        guard let value = parameters[name ?? secret.valueFrom] else {
            throw TaskDefinitionError(
                description: "\(container.name): there is no parameter \(secret.valueFrom)"
            )
        }
        return value
    }

    /// `text` with a mount's path at its start replaced by the volume's directory.
    static func local(_ text: String, _ mounts: [Enclosure.Mount]) -> String {
        for mount in mounts where text.hasPrefix(mount.path) {
            let rest = text.dropFirst(mount.path.count)
            // "/run/agent-linkage" is not inside "/run/agent-link".
            if rest.isEmpty || rest.hasPrefix("/") { return mount.directory + rest }
        }
        return text
    }
}
