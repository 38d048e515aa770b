import NIOCore
import ScaleUp
import Synchronization

/// Bounds that keep strangers, and one slow or faulty client, from holding what all need.
enum Bounds {
    /// Below the 1,024 open files that a process may have by default, with room for ours. There
    /// is no bound for each source address: behind a load balancer all have the same few.
    static let connections = 800
    /// Answers under way whose connection is lost already: as many as may wait for a reading of the
    /// key. Nothing else makes an answer to a stranger last.
    static let abandoned = RunTaskKeys.mostWaiting
    /// What is read at a time. A run task call is about 2 KB.
    static let read = 4 << 10
    /// For the lines of a request before its body, as they come from HCP Terraform and a load
    /// balancer: less than 2 KB.
    static let head = 8 << 10

    /// For the first request's line and headers on a new connection.
    static let firstHead: TimeAmount = .seconds(10)
    /// What a stranger has for either while there are more of them than this. HCP Terraform's
    /// calls come within milliseconds of their connection.
    static let inCrowd: TimeAmount = .seconds(1)
    static let crowd = connections / 2
    /// Between two requests of a connection, and for the head of the later ones. Longer than the
    /// 60 s after which a load balancer closes: whoever closes first must be the one that sends,
    /// or requests are lost on the way (Application Load Balancer, "Connection idle timeout").
    static let idle: TimeAmount = .seconds(75)
    /// For a whole body, however steadily it drips in.
    static let body: TimeAmount = .seconds(10)
    /// From the end of a request until its answer is written: the endpoint's own budget, and some
    /// time for a client that is slow to read.
    static let answer: TimeAmount =
        .nanoseconds(Int64(Endpoint.budget / .nanoseconds(1)))
        + .seconds(10)
    /// For a client to read its last answer, and what is dropped of what it still sends. A
    /// connection that is closed while more arrives is reset, and the answer may be lost with it.
    static let farewell: TimeAmount = .seconds(2)
    static let farewellBytes = 64 << 10
}

/// Counts the connections of strangers: those that have had no answer to a signed call yet. If
/// they could take all, no call would get in.
final class Strangers: Sendable {
    private let count = Mutex(0)

    func come() { count.withLock { $0 += 1 } }
    func go() { count.withLock { $0 -= 1 } }
    var areMany: Bool { count.withLock { $0 > Bounds.crowd } }
}

/// The bytes that may be held of requests that have not been judged yet, all together.
///
/// Each connection has a seat with a share of its own, so that no number of strangers leaves a run
/// task call without room; larger bodies take the rest from what is common to all. Whoever answers
/// is not told that a connection is lost and keeps the body, so the seat stays taken until then.
final class UnjudgedBytes: Sendable {
    static let total = 16 << 20
    /// Of each connection: for a head in the making, then for a body.
    static let share = 8 << 10
    static let seats = Bounds.connections + Bounds.abandoned
    static let common = total - seats * share

    private struct State {
        var seats = UnjudgedBytes.seats
        var common = UnjudgedBytes.common
    }

    private let left = Mutex(State())

    /// - Returns: nil when every seat is taken.
    func seat() -> Seat? {
        let isTaken = left.withLock { left in
            guard left.seats > 0 else { return false }
            left.seats -= 1
            return true
        }
        return isTaken ? Seat(of: self) : nil
    }

    fileprivate func take(_ bytes: Int) -> Bool {
        left.withLock { left in
            guard bytes <= left.common else { return false }
            left.common -= bytes
            return true
        }
    }

    fileprivate func giveBack(_ bytes: Int) { left.withLock { $0.common += bytes } }
    fileprivate func giveBackSeat() { left.withLock { $0.seats += 1 } }
}

/// What one connection has of ``UnjudgedBytes``, until ``leave()`` or until nobody has it any more.
final class Seat: Sendable {
    private let bytes: UnjudgedBytes
    /// Beyond the share. Nil once it has been left.
    private let taken = Mutex<Int?>(0)

    fileprivate init(of bytes: UnjudgedBytes) { self.bytes = bytes }

    deinit { leave() }

    /// Room for a body of this size; what there is already is kept.
    ///
    /// - Returns: false when there is none.
    func hold(_ size: Int) -> Bool {
        taken.withLock { taken in
            guard let now = taken else { return false }
            let more = size - UnjudgedBytes.share - now
            guard more > 0 else { return true }
            guard bytes.take(more) else { return false }
            taken = now + more
            return true
        }
    }

    /// The body is no more.
    func empty() {
        taken.withLock { taken in
            guard let now = taken else { return }
            bytes.giveBack(now)
            taken = 0
        }
    }

    func leave() {
        taken.withLock { taken in
            guard let now = taken else { return }
            bytes.giveBack(now)
            bytes.giveBackSeat()
            taken = nil
        }
    }
}
