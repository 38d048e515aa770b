/// Names of workspaces with `*` for any characters, as `ANNOUNCE_WORKSPACES` lists them.
package struct WorkspacePatterns: Hashable, Sendable {
    /// Each pattern by its parts between the stars; all when there is no pattern.
    private let patterns: [[String]]

    /// Every workspace.
    package static let all = WorkspacePatterns(patterns: [])

    private init(patterns: [[String]]) { self.patterns = patterns }

    /// - Parameter list: patterns with commas between them; spaces around them do not count.
    /// - Returns: nil when a pattern is empty or has a character that no workspace's name has.
    package init?(_ list: String) {
        var patterns: [[String]] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let pattern = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            guard !pattern.isEmpty, pattern.allSatisfy(Self.belongs) else { return nil }
            patterns.append(
                String(pattern).split(separator: "*", omittingEmptySubsequences: false)
                    .map(String.init)
            )
        }
        guard !patterns.isEmpty else { return nil }
        self.patterns = patterns
    }

    /// Letters, numbers, `-` and `_` make a workspace's name ("Create workspaces").
    private static func belongs(_ character: Character) -> Bool {
        character.isASCII
            && (character.isLetter || character.isNumber || "-_*".contains(character))
    }

    package func match(_ name: String) -> Bool {
        patterns.isEmpty || patterns.contains { Self.match(name, $0) }
    }

    /// The first part must begin the name, the last one end it, and each one between is taken
    /// where it is found first, which leaves the most for those after it.
    private static func match(_ name: String, _ parts: [String]) -> Bool {
        guard parts.count > 1, let first = parts.first, let last = parts.last else {
            return name == parts.first
        }
        guard name.hasPrefix(first) else { return false }
        var rest = name.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(last)
    }
}
