import FoundationEssentials
import HCPTerraform
import Peers
import Seeded
import Testing

/// Python's `hmac` module signs, we verify, and the other way round.
@Suite("Run task signature, against Python")
struct PythonSignatureTests {
    private static let program = """
        import base64, hashlib, hmac, sys
        for line in sys.stdin:
            key, body = line.rstrip("\\n").split(",")
            code = hmac.new(key.encode(), base64.b64decode(body), hashlib.sha512)
            print(code.hexdigest())
        """

    @Test("Python's hmac and ours agree on random keys and bodies of every size")
    func agree() throws {
        let seed = UInt64.random(in: 1...(.max))
        print("signature seed \(seed)")
        var generator = SeededRandom(seed: seed)
        var cases: [(key: String, body: [UInt8])] = []
        for size in [0, 1, 63, 64, 127, 128, 129, 4_000, 1 << 20] {
            let key = "key-\(generator.next())-größe"
            cases.append((key, (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) }))
        }
        let input = cases.map { "\($0.key),\(Data($0.body).base64EncodedString())\n" }.joined()
        let signatures = try runPython(input).split(separator: "\n").map(String.init)
        #expect(signatures.count == cases.count)
        for (signature, (key, body)) in zip(signatures, cases) {
            #expect(RunTaskKey(key).signed(body, try #require(RunTaskSignature(signature))))
            #expect(RunTaskKey(key).sign(body) == signature)
        }
    }

    private func runPython(_ input: String) throws -> String {
        let python = ProcessInfo.processInfo.environment["TEST_PYTHON"] ?? "python3"
        let folder = URL(filePath: "/tmp/signatures-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (given, signed) = (folder.appending(path: "in"), folder.appending(path: "out"))
        try Data(input.utf8).write(to: given)
        let process = try TestProcess(
            [python, "-c", Self.program],
            input: .file(given.path),
            output: .file(signed.path),
            errors: .descriptor(2)
        )
        #expect(process.wait() == 0)
        return String(decoding: try Data(contentsOf: signed), as: UTF8.self)
    }
}
