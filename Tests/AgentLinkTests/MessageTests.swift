import AgentLink
import Testing

@Suite("Link messages")
struct MessageTests {
    static let launcherMessages: [(LauncherMessage, String)] = [
        (.hello(version: 1), "hello 1\n"),
        (.hello(version: 2), "hello 2\n"),
        (.status("core: Waiting for next job"), "status core: Waiting for next job\n"),
        (.status(#"{"@message":"Job received"}"#), "status {\"@message\":\"Job received\"}\n"),
        (.status("ends with a return\r"), "status ends with a return\r\n"),
        (.status("\u{301}begins with an accent"), "status \u{301}begins with an accent\n"),
        (.status(" two spaces"), "status  two spaces\n"),
        (.unreadable(bytes: 1_048_576), "unreadable 1048576\n"),
        (.stopping, "stopping\n"),
        (.drained, "drained\n"),
        (.busy(processes: 0), "busy 0\n"),
        (.busy(processes: 3), "busy 3\n"),
        (.exited(code: 0), "exited 0\n"),
        (.exited(code: 255), "exited 255\n"),
        (.silenced(level: "warn"), "silenced warn\n"),
        (.renewed, "renewed\n"),
        (.spoiled(.processes), "spoiled processes\n"),
        (.spoiled(.copy), "spoiled copy\n"),
        (.ping(0), "ping 0\n"),
        (.ping(Int.max), "ping 9223372036854775807\n"),
    ]

    static let sidecarMessages: [(SidecarMessage, String)] = [
        (.name("agent-0123456789abcdef"), "name agent-0123456789abcdef\n"),
        (.name("a name with spaces"), "name a name with spaces\n"),
        (.next("agent-0123456789abcdef-2"), "next agent-0123456789abcdef-2\n"),
        (.drain, "drain\n"),
        (.release, "release\n"),
        (.hold, "hold\n"),
        (.pong(1), "pong 1\n"),
        (.pong(Int.max), "pong 9223372036854775807\n"),
    ]

    @Test("what the launcher says is read as it was said", arguments: launcherMessages)
    func launcherRoundTrip(_ message: LauncherMessage, _ text: String) throws {
        let line = try message.serialised()
        #expect(String(decoding: line, as: UTF8.self) == text)
        #expect(try LauncherMessage(parsing: Array(line.dropLast())) == message)
    }

    @Test("what the sidecar says is read as it was said", arguments: sidecarMessages)
    func sidecarRoundTrip(_ message: SidecarMessage, _ text: String) throws {
        let line = try message.serialised()
        #expect(String(decoding: line, as: UTF8.self) == text)
        #expect(try SidecarMessage(parsing: Array(line.dropLast())) == message)
    }

    static let malformed: [(String, MessageFault)] = [
        ("", .empty),
        (" ", .unknownWord("")),
        ("hello", .missingValue(word: "hello")),
        ("hello ", .missingValue(word: "hello")),
        ("hello one", .badNumber(word: "hello", value: "one")),
        ("hello +1", .badNumber(word: "hello", value: "+1")),
        ("hello -1", .badNumber(word: "hello", value: "-1")),
        ("hello 1 ", .badNumber(word: "hello", value: "1 ")),
        ("hello  1", .badNumber(word: "hello", value: " 1")),
        ("hello ١", .badNumber(word: "hello", value: "??")),
        ("Hello 1", .unknownWord("Hello")),
        ("status", .missingValue(word: "status")),
        ("status a\0b", .forbiddenByte(word: "status")),
        (
            "unreadable 99999999999999999999",
            .badNumber(word: "unreadable", value: "9999999999999999...")
        ),
        ("stopping now", .surplusValue(word: "stopping")),
        ("stopping\r", .unknownWord("stopping?")),
        ("drained ", .surplusValue(word: "drained")),
        ("busy", .missingValue(word: "busy")),
        ("busy 2147483648", .badNumber(word: "busy", value: "2147483648")),
        ("exited 256", .badNumber(word: "exited", value: "256")),
        ("exited 1.5", .badNumber(word: "exited", value: "1.5")),
        ("silenced", .missingValue(word: "silenced")),
        ("renewed 1", .surplusValue(word: "renewed")),
        ("spoiled", .missingValue(word: "spoiled")),
        ("spoiled milk", .unknownValue(word: "spoiled", value: "milk")),
        ("ping", .missingValue(word: "ping")),
        ("ping -1", .badNumber(word: "ping", value: "-1")),
        ("ping 9223372036854775808", .badNumber(word: "ping", value: "9223372036854775...")),
        ("pong 1", .unknownWord("pong")),
        ("drain", .unknownWord("drain")),
        ("token abc\"def", .unknownWord("token")),
        ("a-very-long-word-of-a-stranger", .unknownWord("a-very-long-word...")),
    ]

    @Test("a malformed line is refused with its cause", arguments: malformed)
    func refusesMalformed(_ line: String, _ fault: MessageFault) {
        #expect(throws: fault) { try LauncherMessage(parsing: Array(line.utf8)) }
    }

    @Test(
        "a malformed line of the sidecar is refused with its cause",
        arguments: [
            ("name", MessageFault.missingValue(word: "name")),
            ("name a\0b", .forbiddenByte(word: "name")),
            ("next", .missingValue(word: "next")),
            ("drain 1", .surplusValue(word: "drain")),
            ("release now", .surplusValue(word: "release")),
            ("hold 600", .surplusValue(word: "hold")),
            ("pong", .missingValue(word: "pong")),
            ("pong x", .badNumber(word: "pong", value: "x")),
            ("ping 1", .unknownWord("ping")),
            ("stopping", .unknownWord("stopping")),
        ]
    )
    func refusesMalformedSidecar(_ line: String, _ fault: MessageFault) {
        #expect(throws: fault) { try SidecarMessage(parsing: Array(line.utf8)) }
    }

    @Test("a line that is not UTF-8 is refused")
    func refusesOtherEncodings() {
        #expect(throws: MessageFault.notUTF8) {
            try LauncherMessage(parsing: Array("status ".utf8) + [0xFF])
        }
    }

    @Test("a message has 64 KiB with its newline, and not a byte more")
    func limitsLength() throws {
        let longest = String(repeating: "x", count: StatusLineFilter.lineLimitBytes)
        let line = try LauncherMessage.status(longest).serialised()
        #expect(line.count == 65536)
        #expect(try LauncherMessage(parsing: Array(line.dropLast())) == .status(longest))
        #expect(throws: MessageFault.tooLong(bytes: 65537)) {
            try LauncherMessage.status(longest + "x").serialised()
        }
        #expect(throws: MessageFault.tooLong(bytes: 65537)) {
            try LauncherMessage(parsing: Array("status ".utf8) + Array((longest + "x").utf8))
        }
    }

    @Test("a text that would end its message early is not sent")
    func refusesToSendLineBreaks() {
        #expect(throws: MessageFault.forbiddenByte(word: "name")) {
            try SidecarMessage.name("a\ndrain").serialised()
        }
        #expect(throws: MessageFault.forbiddenByte(word: "status")) {
            try LauncherMessage.status("a\r\nexited 0").serialised()
        }
        #expect(throws: MessageFault.missingValue(word: "name")) {
            try SidecarMessage.name("").serialised()
        }
    }

    @Test("every fault says its cause in words")
    func describesFaults() {
        #expect(
            MessageFault.tooLong(bytes: 70000).description
                == "a line of 70000 bytes, where 65536 are allowed"
        )
        for (_, fault) in MessageTests.malformed {
            #expect(!fault.description.isEmpty)
        }
    }
}

@Suite("Lines of the link")
struct LineBufferTests {
    @Test("lines are the same wherever the reads are cut", arguments: 1...12)
    func cutsAnywhere(_ size: Int) {
        let text = Array("hello 1\n\nstatus a b\r\nunfinished".utf8)
        var buffer = LineBuffer()
        var lines: [LineBuffer.Line] = []
        for start in stride(from: 0, to: text.count, by: size) {
            lines += buffer.take(text[start..<min(start + size, text.count)])
        }
        #expect(
            lines == [
                .whole(Array("hello 1".utf8)), .whole([]), .whole(Array("status a b\r".utf8)),
            ]
        )
        #expect(buffer.take(Array("!\n".utf8)) == [.whole(Array("unfinished!".utf8))])
    }

    @Test("a line that is too long is counted and not kept, and the next one is whole")
    func limitsLines() {
        var buffer = LineBuffer()
        let piece = [UInt8](repeating: 120, count: 32768)
        #expect(buffer.take(piece).isEmpty)
        #expect(buffer.take(piece).isEmpty)
        #expect(
            buffer.take(Array("x\nrelease\n".utf8)) == [
                .tooLong(bytes: 65538), .whole(Array("release".utf8)),
            ]
        )
        #expect(buffer.take(piece).isEmpty)
        #expect(buffer.take(piece.dropLast() + [10]) == [.whole(piece + piece.dropLast())])
    }
}
