import FoundationEssentials
import Seeded
import StrictJSON
import Testing

@Suite("JSON that others wrote")
struct StrictJSONTests {
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    private func fault(_ text: String) -> StrictJSON.Fault? {
        do {
            _ = try StrictJSON.decode(Anything.self, from: Array(text.utf8))
            return nil
        } catch {
            return error as? StrictJSON.Fault
        }
    }

    @Test("a document that ends after its 513th bracket is refused, and the process lives on")
    func trap() {
        for count in 100...700 {
            for bracket in ["[", #"{"a":"#, #"[{"a":"#] {
                #expect(throws: (any Error).self) {
                    try StrictJSON.decode(
                        Anything.self,
                        from: Array(String(repeating: bracket, count: count).utf8)
                    )
                }
            }
        }
    }

    @Test("a hundred levels are read, one more is refused")
    func limit() {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(fault(nested(100)) == nil)
        #expect(fault(nested(101)) == .tooDeep)
        #expect(fault("[" + String(repeating: "[],", count: 900) + "[]]") == nil)
    }

    @Test("brackets in strings are text, behind whatever escapes")
    func strings() {
        let many = String(repeating: "[", count: 900)
        #expect(fault(#"{"a":"\#(many)"}"#) == nil)
        #expect(fault(#"{"a":"\\\"\#(many)"}"#) == nil)
        #expect(fault(#"{"a":"\\","b":\#(many)"#) == .tooDeep)
    }

    @Test("what is no UTF-8 by its first bytes is refused")
    func encodings() {
        for start: [UInt8] in [[0x5b, 0], [0, 0x5b], [0xff, 0xfe, 0x5b, 0], [0xfe, 0xff]] {
            #expect(throws: StrictJSON.Fault.notUTF8) {
                try StrictJSON.decode(Anything.self, from: start)
            }
        }
    }

    @Test("random brackets, cut anywhere, end in an answer or an error")
    func random() {
        let seed = UInt64.random(in: 1...(.max))
        print("brackets seed \(seed)")
        var generator = SeededRandom(seed: seed)
        let pieces = ["[", "{\"a\":", "]", "}", ",", "\"", "\\", "1", "[[[[[[[[[[[[[[[["]
        for _ in 0..<2_000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...120, using: &generator) {
                text += pieces.randomElement(using: &generator) ?? ""
            }
            _ = try? StrictJSON.decode(Anything.self, from: Array(text.utf8))
        }
    }

    @Test("nothing else in the sources decodes JSON")
    func fence() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
        let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
        let swift = files.filter { $0.hasSuffix(".swift") }
        #expect(swift.count > 100)
        for file in swift where file != "StrictJSON/StrictJSON.swift" {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            #expect(!text.contains("JSONDecoder"), "\(file) decodes what StrictJSON should")
        }
    }
}
