import Dispatch
import EndpointFuzzing
import Glibc
import Synchronization

/// The endpoint's whole request path under libFuzzer: bytes become a request, the request is
/// answered, and the oracle judges what came of it. `Tests/fuzz` builds and runs it.
@main
enum EndpointFuzz {
    static func main() {
        if CommandLine.arguments.dropFirst() == ["--faults"] {
            for fault in PlantedFault.allCases { print(fault.rawValue) }
            exit(0)
        }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
            CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments) { bytes, count in judge(bytes, count) })
    }
}

/// libFuzzer's own main, for programs that have one (LLVM, "libFuzzer", "Using libFuzzer as a
/// library").
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ judge: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// `FUZZ_FAULT` plants a fault, to see it found.
private let oracle = Oracle(
    FuzzedEndpoint(
        getenv("FUZZ_FAULT").map {
            guard let fault = PlantedFault(rawValue: String(cString: $0)) else {
                let known = PlantedFault.allCases.map(\.rawValue).joined(separator: ", ")
                fatalError("FUZZ_FAULT is none of \(known)")
            }
            return fault
        }
    )
)

/// libFuzzer calls it with one input after the other and waits.
private func judge(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let fuzzed = FuzzCase(Array(UnsafeBufferPointer(start: bytes, count: count))) else {
        return 0
    }
    let done = DispatchSemaphore(value: 0)
    Task {
        do {
            try await oracle.judge(fuzzed)
        } catch {
            // Not through a buffer, which abort would lose.
            let text = Array("\(error)\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            abort()
        }
        done.signal()
    }
    done.wait()
    return 0
}
