import FoundationEssentials
import Seeded
import StrictJSON
import Testing

@Suite("JSON as a tree")
struct JSONTreeTests {
    /// What the decoder makes of a document.
    private indirect enum Decoded: Decodable, Hashable {
        case null
        case bool(Bool)
        case number(Double)
        case string(String)
        case array([Decoded])
        case object([String: Decoded])

        init(from decoder: any Decoder) throws {
            if let members = try? [String: Decoded](from: decoder) {
                self = .object(members)
            } else if let elements = try? [Decoded](from: decoder) {
                self = .array(elements)
            } else {
                let container = try decoder.singleValueContainer()
                if container.decodeNil() {
                    self = .null
                } else if let bool = try? container.decode(Bool.self) {
                    self = .bool(bool)
                } else if let number = try? container.decode(Double.self) {
                    self = .number(number)
                } else {
                    self = .string(try container.decode(String.self))
                }
            }
        }

        init(_ tree: JSONTree) {
            switch tree {
            case .null: self = .null
            case .bool(let bool): self = .bool(bool)
            case .number(let text): self = .number(Double(text) ?? .nan)
            case .string(let text): self = .string(text)
            case .array(let elements): self = .array(elements.map { Decoded($0) })
            case .object: self = .object((tree.members ?? [:]).mapValues { Decoded($0) })
            }
        }
    }

    private static let documents = [
        #"{}"#, #"[]"#, #"null"#, #" true "#, #"false"#, #""""#, #"0"#, #"-0.5e+3"#, #"12E2"#,
        #"{"Items":[{"pk":{"S":"a/b"},"at":{"N":"17"},"leaving":{"M":{"x":{"L":[]}}}}],"Count":1}"#,
        "[1, 2.25 ,\t-3\n,\r{\"a\" : [ null,true ] } ]",
        #"["\"\\\/\b\f\n\r\t","\u00e9\u20AC\ud83d\ude00é€😀","\u0000"]"#,
    ]

    @Test("it has what the decoder reads", arguments: documents)
    func same(_ text: String) throws {
        let bytes = Array(text.utf8)
        let decoded = try StrictJSON.decode(Decoded.self, from: bytes)
        #expect(try Decoded(JSONTree(bytes)) == decoded)
    }

    @Test("numbers stay as they are written, members in their order")
    func asWritten() throws {
        #expect(try JSONTree(Array("1.50e2".utf8)) == .number("1.50e2"))
        let tree = try JSONTree(Array(#"{"b":1,"a":2,"b":3}"#.utf8))
        guard case .object(let members) = tree else {
            Issue.record("\(tree)")
            return
        }
        #expect(members.map(\.name) == ["b", "a", "b"])
        #expect(tree.members == ["b": .number("3"), "a": .number("2")])
    }

    @Test(
        "what is no JSON is refused",
        arguments: [
            "", " ", "{", "[", "[1,]", "[,1]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "01",
            "1.",
            ".5", "-", "+1", "1e", "tru", "nulll", "[1]x", "[1 2]", #"""#, #""\x""#, #""\u12""#,
            #""\u+123""#, #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "\"a\nb\"", "'a'", "NaN",
        ]
    )
    func malformed(_ text: String) {
        #expect(throws: StrictJSON.Fault.malformed) { try JSONTree(Array(text.utf8)) }
    }

    @Test("nor is text that is not UTF-8, or what is nested too deep")
    func bounds() throws {
        #expect(throws: StrictJSON.Fault.notUTF8) { try JSONTree([0x22, 0xff, 0x22]) }
        for bracket in ["[", #"{"a":"#] {
            let text = String(repeating: bracket, count: 200_000)
            #expect(throws: StrictJSON.Fault.tooDeep) { try JSONTree(Array(text.utf8)) }
        }
        let deepest = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: Never.self) { try JSONTree(Array(deepest.utf8)) }
        #expect(throws: StrictJSON.Fault.tooDeep) { try JSONTree(Array("[\(deepest)]".utf8)) }
    }

    @Test("of documents with bytes changed by chance it reads none otherwise than the decoder")
    func changed() {
        var random = SeededRandom(seed: 1)
        // No exponents: the decoder refuses numbers that are out of its type's range.
        let alphabet = Array(#"{}[]",:\tfnu0123456789.+- "#.utf8) + [0x00, 0xc3, 0xff]
        let documents = Self.documents.filter { !$0.contains("e+") && !$0.contains("E") }
        for round in 0..<20_000 {
            var bytes = Array(documents[round % documents.count].utf8)
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) {
                    bytes[place] = byte
                } else {
                    bytes.insert(byte, at: place)
                }
            }
            guard let tree = try? JSONTree(bytes) else { continue }
            let decoded = try? StrictJSON.decode(Decoded.self, from: bytes)
            #expect(decoded == Decoded(tree), "\(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
