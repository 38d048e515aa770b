import Glibc

/// What a process gives up, for itself and for all that it starts, before it becomes the agent.
package enum Confinement {
    /// Why it is not as it should be. The process must not become the agent then.
    package struct Fault: Error, Sendable {
        package let text: String

        static func failed(_ call: String) -> Fault {
            Fault(text: call + ": " + String(cString: strerror(errno)))
        }
    }

    /// What prctl(2) is asked (linux/prctl.h).
    private enum Control {
        static let setDumpable: Int32 = 4
        static let setKeepCapabilities: Int32 = 8
        static let setFilter: Int32 = 22
        static let dropFromBounds: Int32 = 24
        static let setNoNewPrivileges: Int32 = 38
        static let ambient: Int32 = 47
        static let clearAmbient: UInt = 4
        static let filterMode: UInt = 2
    }

    /// RLIMIT_MSGQUEUE (getrlimit(2)), as the call's own type wants it.
    private static let queueBytes = 12

    /// Gives up root and all that leads back to it. For the process that becomes the agent, or that
    /// tries whether this holds.
    ///
    /// - Throws: The process is neither root nor confined then, and has to end.
    package static func enter(_ agent: AgentIdentity) throws(Fault) {
        guard agent.user != 0 else { throw Fault(text: "the agent's user is root") }
        guard KernelCall.control(Control.setNoNewPrivileges, 1) == 0 else {
            throw .failed("PR_SET_NO_NEW_PRIVS")
        }
        try dropBounds()
        guard KernelCall.control(Control.setKeepCapabilities, 0) == 0 else {
            throw .failed("PR_SET_KEEPCAPS")
        }
        // A Linux without ambient capabilities has none to clear.
        _ = KernelCall.control(Control.ambient, Control.clearAmbient)
        // Nobody could list its queues where no mount shows them.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        guard setrlimit(__rlimit_resource_t(UInt32(queueBytes)), &none) == 0 else {
            throw .failed("setrlimit")
        }
        guard setgroups(agent.groups.count, agent.groups) == 0 else { throw .failed("setgroups") }
        guard setresgid(agent.group, agent.group, agent.group) == 0 else {
            throw .failed("setresgid")
        }
        guard setresuid(agent.user, agent.user, agent.user) == 0 else {
            throw .failed("setresuid")
        }
        guard Capabilities.setNone() else { throw .failed("capset") }
        try installFilter()
        closeInherited()
    }

    /// Without the right to do so they stay, and are of no use: nothing that is executed gains any.
    private static func dropBounds() throws(Fault) {
        for capability in UInt(0)..<64 {
            guard KernelCall.control(Control.dropFromBounds, capability) != 0 else { continue }
            // The first number that is no capability's.
            if errno == EINVAL { return }
            guard errno == EPERM else { throw .failed("PR_CAPBSET_DROP") }
        }
    }

    private static func installFilter() throws(Fault) {
        // struct sock_filter and struct sock_fprog, with the compiler's own padding.
        let program = SystemCallFilter.program.flatMap { instruction -> [UInt8] in
            let value = instruction.value
            return [
                UInt8(truncatingIfNeeded: instruction.code),
                UInt8(truncatingIfNeeded: instruction.code >> 8),
                instruction.ifTrue, instruction.ifFalse,
            ] + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let result = program.withUnsafeBytes { bytes in
            let header = [
                UInt(SystemCallFilter.program.count), UInt(bitPattern: bytes.baseAddress),
            ]
            return header.withUnsafeBytes { header in
                KernelCall.control(
                    Control.setFilter,
                    Control.filterMode,
                    UInt(bitPattern: header.baseAddress)
                )
            }
        }
        guard result == 0 else { throw .failed("PR_SET_SECCOMP") }
    }

    /// What this process has open besides the three is not the agent's.
    private static func closeInherited() {
        guard KernelCall.call(KernelCall.Number.closeRange, 3, Int(UInt32.max)) != 0 else { return }
        for descriptor: Int32 in 3..<1024 { close(descriptor) }
    }

    /// Closes this process to all others without the right to trace (PR_SET_DUMPABLE).
    static func closeToOthers() -> Bool {
        KernelCall.control(Control.setDumpable) == 0
    }

    /// Tries, in a process that is confined, what it must not be able to do.
    ///
    /// - Returns: What it can do all the same, as a sentence's end; nil if all is refused.
    package static func firstGap(_ agent: AgentIdentity) -> String? {
        if getuid() != agent.user || geteuid() != agent.user { return "it is another user" }
        if setresuid(0, 0, 0) == 0 { return "it can become root" }
        if Capabilities.held() != 0 { return "it has a capability" }
        let newUser = 0x1000_0000
        if KernelCall.call(KernelCall.Number.unshare, newUser) == 0 {
            return "it can make a user namespace"
        }
        if KernelCall.call(KernelCall.Number.keyctl, 0, -4, 0) >= 0 { return "it has a keyring" }
        if kill(1, 0) == 0 { return "it can signal the launcher" }
        let memory = open("/proc/1/mem", O_RDWR | O_CLOEXEC)
        if memory >= 0 { return "it can write the launcher's memory" }
        return nil
    }
}
