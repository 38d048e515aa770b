import Curl
import Decisions
import Testing

@testable import AWS

/// moto's UpdateItem is as atomic as DynamoDB's, since the peer lets it answer one at a time.
@Suite("The announcements' desk, against moto's server")
struct DeskTests {
    private static func call(_ number: Int) throws -> DeskCall {
        DeskCall(
            at: WallTime(milliseconds: number),
            jobs: [try #require(Job(id: "run-\(number)", type: "apply"))],
            closed: [try #require(Job(id: "run-\(number)", type: "plan"))]
        )
    }

    private func desk(_ service: String, _ stack: MotoTests.Stack) -> DynamoDBDesk {
        DynamoDBDesk(stack.aws, table: "ledger", cluster: "agents", service: service)
    }

    private func end(_ milliseconds: Int) -> WallTime { WallTime(milliseconds: milliseconds) }

    @Test("the first call has the turn, the second one sees both and whose turn it is")
    func turn() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let desk = desk("desk-turn", stack)
        #expect(try await desk.look() == DeskState())
        let first = try await desk.submit(Self.call(1), mark: "a", until: end(10))
        #expect(first.calls == ["a": try Self.call(1)])
        #expect(first.turn == .init(holder: "a", end: end(10)))
        let second = try await desk.submit(Self.call(2), mark: "b", until: end(20))
        #expect(second.calls == ["a": try Self.call(1), "b": try Self.call(2)])
        #expect(second.turn == first.turn)
        #expect(try await desk.look() == second)
    }

    @Test("a turn is taken once, when it was given back or after the one that was seen")
    func take() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let desk = desk("desk-take", stack)
        #expect(try await desk.takeTurn("a", until: end(1), after: nil)?.turn?.holder == "a")
        #expect(try await desk.takeTurn("b", until: end(2), after: nil) == nil)
        let seen = DeskState.Turn(holder: "a", end: end(1))
        #expect(try await desk.takeTurn("b", until: end(2), after: seen)?.turn?.holder == "b")
        #expect(try await desk.takeTurn("c", until: end(3), after: seen) == nil)
        #expect(try await desk.look().turn == .init(holder: "b", end: end(2)))
    }

    @Test("settling removes what was written and nothing else, and only the turn's holder can")
    func settle() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let desk = desk("desk-settle", stack)
        for (number, mark) in ["a", "b", "c"].enumerated() {
            _ = try await desk.submit(Self.call(number), mark: mark, until: end(10))
        }
        let answer = DeskState.Answer(size: 4, maxCount: 10, running: 3)
        try await desk.settle(["a", "b", "c"], answer, turnOf: "b")
        #expect(try await desk.look().calls.count == 3)
        try await desk.settle(["a", "b"], answer, turnOf: "a")
        let state = try await desk.look()
        #expect(state == DeskState(calls: ["c": try Self.call(2)], turn: nil, answer: answer))

        _ = try await desk.takeTurn("c", until: end(20), after: nil)
        let unasked = DeskState.Answer(size: 5, maxCount: 10, running: nil)
        try await desk.settle(["c"], unasked, turnOf: "c")
        #expect(try await desk.look() == DeskState(answer: unasked))

        _ = try await desk.submit(Self.call(4), mark: "d", until: end(30))
        try await desk.settle(["d"], nil, turnOf: "d")
        #expect(try await desk.look() == DeskState(answer: unasked))
    }

    @Test("a hundred calls are removed at once")
    func many() async throws {
        let stack = try await MotoTests.Stack()
        defer { stack.http.stop() }
        let desk = desk("desk-many", stack)
        let marks = (0..<100).map { "\($0)-" + DynamoDBLedgerStore.randomMark() }
        for (number, mark) in marks.enumerated() {
            _ = try await desk.submit(Self.call(number), mark: mark, until: end(10))
        }
        #expect(try await desk.look().calls.count == 100)
        let answer = DeskState.Answer(size: 100, maxCount: 100, running: 0)
        try await desk.settle(marks, answer, turnOf: marks[0])
        #expect(try await desk.look() == DeskState(answer: answer))
        // DynamoDB takes expressions of 4,096 bytes.
        let longest = DynamoDBDesk.settling(marks + marks + marks, answer, turnOf: marks[0])
        #expect(longest.expression.utf8.count < 4_096)
    }

    @Test("a call that is not understood is left out, and what it says is not acted on")
    func lenient() {
        let state = DynamoDBDesk.decode([
            "pk": .string("a/b/announcements"), "call-a": .string("?"), "call-b": .map([:]),
            "call-c": .map(["at": .number("1"), "jobs": .list([.number("1"), .string("/")])]),
            "holder": .string("x"), "size": .number("-"),
        ])
        let empty = DeskCall(at: WallTime(milliseconds: 1), jobs: [], closed: [])
        #expect(state == DeskState(calls: ["c": empty]))
    }
}
