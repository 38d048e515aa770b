import CLibcurl
import Glibc

/// Trusted certificates that are in no file of their own: those of a file, and more behind them.
/// libcurl takes either a file or a text, so both are made one text, which is kept once for all
/// handles. It copies and reads that text for each connection that it opens, which costs milliseconds
/// and some 200 KB; those to AWS and HCP Terraform are few, and kept open.
final class Authorities {
    /// As libcurl reads it where it is, and never changes.
    private let text: UnsafeMutableRawBufferPointer

    /// - Parameters:
    ///   - more: PEM text.
    ///   - path: the file; nil for the one that libcurl was built with, if there is one.
    init(_ more: String, besides path: String?) throws(CurlSetupFailure) {
        var all: [UInt8] = []
        if let path = path ?? default_ca_file().map({ String(cString: $0) }) {
            guard let file = Self.contents(path) else { throw .unreadableCABundle(path: path) }
            all = file + [UInt8(ascii: "\n")]
        }
        all += Array(more.utf8)
        text = .allocate(byteCount: all.count, alignment: 1)
        text.copyBytes(from: all)
    }

    deinit { text.deallocate() }

    func set(on options: inout EasyOptions) {
        options.check(
            easy_set_blob(options.handle, CURLOPT_CAINFO_BLOB, text.baseAddress, text.count)
        )
    }

    private static func contents(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            contents += buffer[..<count]
            guard count == buffer.count else { return ferror(file) == 0 ? contents : nil }
        }
    }
}
