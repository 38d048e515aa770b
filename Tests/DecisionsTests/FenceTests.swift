import FoundationEssentials
import Testing

/// The decisions are values only: what they import they could do.
@Suite("Import fence")
struct FenceTests {
    @Test("Decisions imports nothing")
    func decisionsImportNothing() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/Decisions")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".swift") }
        #expect(names.count >= 5)
        for name in names {
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                #expect(!words.prefix(3).contains("import"), "\(name): \(line)")
                #expect(
                    !line.contains("await ") && !line.contains("async "),
                    "a decision waits for nothing: \(name): \(line)"
                )
            }
        }
    }
}
