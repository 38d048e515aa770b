package import Logging

internal import Glibc

/// Writes one JSON object a line to standard error: `time`, `level`, `message`, then the
/// metadata. CloudWatch Logs Insights finds the fields of such lines by itself.
package struct JSONLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]

    package init(level: Logger.Level = .info) { self.logLevel = level }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = "{\"time\":\"\(Self.time())\",\"level\":\"\(event.level)\",\"message\":"
        line.appendJSONString(event.message.description)
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += ","
            line.appendJSONString(key)
            line += ":"
            line.appendJSONString(value.description)
        }
        line += "}\n"
        write(line)
    }

    /// One `write` for a line, so that lines of two threads do not mix (POSIX keeps writes to a
    /// pipe whole up to 4 KiB).
    private func write(_ line: String) {
        var line = line
        line.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = unsafeWrite(rest)
                // A closed log must not end the program that protects the task.
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    private func unsafeWrite(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        while true {
            let chunk = UnsafeRawBufferPointer(rebasing: bytes)
            let count = Glibc.write(STDERR_FILENO, chunk.baseAddress, chunk.count)
            if count < 0, errno == EINTR { continue }
            return count
        }
    }

    /// The wall clock as RFC 3339 with milliseconds, without a date library.
    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        gmtime_r(&seconds, &parts)
        func pad(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date =
            "\(pad(Int(parts.tm_year) + 1900, 4))-\(pad(Int(parts.tm_mon) + 1, 2))-"
            + pad(Int(parts.tm_mday), 2)
        let time =
            "\(pad(Int(parts.tm_hour), 2)):\(pad(Int(parts.tm_min), 2)):"
            + pad(Int(parts.tm_sec), 2)
        return "\(date)T\(time).\(pad(Int(now.tv_nsec) / 1_000_000, 3))Z"
    }
}

extension String {
    /// Appends a text as a JSON string, control characters escaped.
    package mutating func appendJSONString(_ text: String) {
        append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let hex = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }
}

extension Logger {
    /// The program's logger: JSON lines, level from `LOG_LEVEL` (`info` by default).
    package static func program(_ label: String, environment: [String: String]) -> Logger {
        let level = environment["LOG_LEVEL"].flatMap { Level(rawValue: $0.lowercased()) } ?? .info
        return Logger(label: label) { _ in JSONLogHandler(level: level) }
    }
}
