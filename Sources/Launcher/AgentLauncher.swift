import AgentLink
import Glibc
import Telemetry

/// The entry point of the agent's container: starts the unmodified agent, passes its output on,
/// tells the sidecar what the agent says of itself, delivers at most one stop signal, and holds
/// the container open until the departure is booked. Works as PID 1.
@main
enum AgentLauncher {
    static func main() {
        Help.showWhereAsked()
        keepStandardDescriptorsTaken()
        orLeave { () throws(LaunchFailure) in try Secrecy.closeProcess() }
        if AgentEntry.isAskedFor { AgentEntry.run() }
        let settings = orLeave { () throws(LaunchFailure) in try LauncherSettings.read() }
        if settings.hidesTaskRole { orLeave { () throws(LaunchFailure) in try TaskRole.hide() } }
        var command = orLeave { () throws(LaunchFailure) in try AgentCommand.find() }.showingState()
        let separation = settings.mode == .renewed ? Separation.prepare(settings) : nil
        if separation?.renewer != nil { command = Secrecy.moveStart(command) }
        let signals = orLeave { () throws(LaunchFailure) in try SignalSource.takeOver() }
        Reaper.adoptOrphans()
        let mailbox = orLeave { () throws(LaunchFailure) in try StatusMailbox() }
        var supervisor = Supervisor(
            settings: settings,
            command: command,
            separation: separation,
            signals: signals,
            mailbox: mailbox
        )
        // Not exit(3): the pump threads may still be writing.
        _exit(supervisor.run())
    }

    private static func orLeave<Value>(_ step: () throws(LaunchFailure) -> Value) -> Value {
        do throws(LaunchFailure) {
            return try step()
        } catch {
            Notice.say(.notStarted, error.text)
            _exit(error.exitCode)
        }
    }

    /// A launcher started with a closed standard descriptor would get a pipe or a socket in its
    /// place, and what it says would go there.
    private static func keepStandardDescriptorsTaken() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDWR)
        }
    }
}
