internal import Glibc

/// Writes one message to standard error as it is: for a person who starts the program, before
/// there is a log.
package func complain(_ message: String) {
    let bytes = Array((message + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
