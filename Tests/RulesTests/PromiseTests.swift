import FoundationEssentials
import Rules
import Testing

/// What the README promises is what is judged.
@Suite("Rules, their wording")
struct PromiseTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test("the book imports the decisions' values and nothing else")
    func fence() throws {
        let folder = Self.root.appending(path: "Sources/Rules")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.count >= 5)
        for name in names {
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            for line in text.split(separator: "\n")
            where line.hasPrefix("import ") || line.contains(" import ") {
                #expect(line.hasSuffix("import Decisions"), "\(name): \(line)")
            }
        }
    }

    @Test("the README's list of promises has the rules, word for word and in order")
    func readme() throws {
        let text = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let heading = try #require(lines.firstIndex(of: "## What you can rely on"))
        var promises: [String] = []
        for line in lines[(heading + 1)...].drop(while: \.isEmpty) {
            guard !line.isEmpty else { break }
            if line.hasPrefix("   ") {
                promises[promises.count - 1] += " " + line.drop { $0 == " " }
            } else {
                promises.append(String(line))
            }
        }
        #expect(promises == Rule.allCases.map { "\($0.number). \($0.sentence)" })
    }

    @Test("the rules are ten, each with a sentence and a title of its own")
    func ten() {
        #expect(Rule.allCases.map(\.number) == Array(1...10))
        #expect(Set(Rule.allCases.map(\.sentence)).count == 10)
        #expect(Set(Rule.allCases.map(\.title)).count == 10)
        for rule in Rule.allCases {
            #expect(rule.sentence.hasSuffix("."))
            #expect(rule.sentence.hasPrefix(rule.title))
            #expect(rule.title.count > 10)
        }
    }
}
