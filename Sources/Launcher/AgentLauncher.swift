import Glibc

/// The entry point of the agent's container: starts the unmodified agent, passes its output on,
/// tells the sidecar what the agent says of itself, delivers at most one stop signal, and holds
/// the container open until the departure is booked. Works as PID 1.
@main
enum AgentLauncher {
    static func main() {
        if Help.isAskedFor { Help.show() }
        keepStandardDescriptorsTaken()
        orLeave { () throws(Refusal) in try Secrecy.closeProcess() }
        let settings = orLeave { () throws(Refusal) in try Settings.read() }
        if settings.hidesTaskRole { orLeave { () throws(Refusal) in try TaskRole.hide() } }
        let command = orLeave { () throws(Refusal) in try AgentCommand.find() }.showingState()
        let signals = orLeave { () throws(Refusal) in try SignalSource.takeOver() }
        Reaper.adoptOrphans()
        let mailbox = orLeave { () throws(Refusal) in try StatusMailbox() }
        var supervisor = Supervisor(
            settings: settings,
            command: command,
            signals: signals,
            mailbox: mailbox
        )
        // Not exit(3): the pump threads may still be writing.
        _exit(supervisor.run())
    }

    private static func orLeave<Value>(_ step: () throws(Refusal) -> Value) -> Value {
        do throws(Refusal) {
            return try step()
        } catch {
            Notice.say(error.text)
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

/// Why the launcher ends before it has started anything, and its exit code.
struct Refusal: Error {
    let text: String
    let exitCode: Int32

    /// As env(1), nohup(1) and timeout(1) end when they themselves fail: the command's own codes
    /// start at 126.
    static let launcherFailed: Int32 = 125
    static let cannotExecute: Int32 = 126
    static let notFound: Int32 = 127

    /// A system call that the launcher cannot do without has just failed.
    static func callFailed(_ call: String) -> Refusal {
        Refusal(text: call + ": " + Notice.errorText(errno), exitCode: launcherFailed)
    }
}
