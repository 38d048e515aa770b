import Curl
import Decisions
import Synchronization
import Ports
import AWS

/// An HTTP client that compares the clock with the `Date` of signed calls' answers, which AWS judges
/// their signatures by.
final class DatedClient: HTTPClient {
    private let http: any HTTPClient
    private let last = Mutex<Duration?>(nil)

    init(_ http: any HTTPClient) { self.http = http }

    /// How far this clock is before theirs, by the last answer; nil before there is one.
    var skew: Duration? { last.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
        let response = try await http.send(request)
        if request.signing != nil, let date = response.headers["date"].flatMap(WallTime.init(http:))
        {
            last.withLock { $0 = WallTime.now().since(date) }
        }
        return response
    }
}

extension WallTime {
    /// - Parameter http: an HTTP date of the preferred form (RFC 9110, section 5.6.7), such as
    ///   `Sun, 06 Nov 1994 08:49:37 GMT`.
    init?(http text: String) {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", parts[1].count == 2,
            let month = months.firstIndex(of: String(parts[2])), parts[3].count == 4,
            parts[4].count == 8
        else { return nil }
        let number = month + 1
        let two = number < 10 ? "0\(number)" : "\(number)"
        self.init(rfc3339: "\(parts[3])-\(two)-\(parts[1])T\(parts[4])Z")
    }
}
