import FoundationEssentials

/// This program's own place.
enum Executable {
    static let definitionName = "ecs-task-def/task-definition.json"

    static var path: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            ?? CommandLine.arguments[0]
    }

    static var directory: String { parent(path) }

    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// The task definition in the current directory, or in one above the executable.
    static func taskDefinition() -> String? {
        let files = FileManager.default
        var candidates = [files.currentDirectoryPath]
        var above = directory
        while above.count > 1 {
            candidates.append(above)
            above = parent(above)
        }
        return candidates.map { "\($0)/\(definitionName)" }
            .first { files.fileExists(atPath: $0) }
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
