import FoundationEssentials
import Peers
import ProductVersion
import Testing

@Suite("The version")
struct VersionTests {
    @Test(
        "every program shows it",
        arguments: [
            "agent-launcher", "agent-sidecar", "scale-up-lambda", "scale-up-server", "rehearsal",
        ]
    )
    func shown(by program: String) throws {
        let output = URL(filePath: "/tmp/version-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = try TestProcess(
            [TestProcess.built(program), "--version"],
            output: .file(output.path)
        )
        #expect(process.wait() == 0)
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        #expect(text == ProductVersion.current + "\n")
    }

    @Test("it is three numbers, as Semantic Versioning has them")
    func form() {
        let numbers = ProductVersion.current.split(separator: ".", omittingEmptySubsequences: false)
        #expect(numbers.count == 3 && numbers.allSatisfy { Int($0) != nil })
    }
}
