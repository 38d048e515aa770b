import ArgumentParser
import Dispatch
import Glibc
import ScaleUpLambda
import ScaleUpServer

/// The function and the server in one file, which the image has under both names: what they are made
/// of is there once. A process is what it was called.
@main
enum ScaleUpProgram {
    static func main() {
        if isFunction { ScaleUpLambda.main() }
        // As `async main` does it, which the function must not have (see `Signals`).
        Task {
            await ScaleUpServer.main()
            exit(EXIT_SUCCESS)
        }
        dispatchMain()
    }

    private static var isFunction: Bool {
        switch CommandLine.arguments.first?.split(separator: "/").last {
        case "scale-up-lambda": true
        case "scale-up-server": false
        // By another name, where Lambda runs it.
        default: getenv("AWS_LAMBDA_RUNTIME_API") != nil
        }
    }
}
