import ArgumentParser
import ScaleUpServer

/// `scale-up-server` alone.
@main
enum ServerProgram {
    static func main() async { await ScaleUpServer.main() }
}
