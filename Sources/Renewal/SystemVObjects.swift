import Glibc

/// Shared memory, semaphores and message queues of System V, which outlive their processes.
enum SystemVObjects {
    /// A kind of object: its file in `/proc/sysvipc`, the column of its number there, and the call
    /// that removes one.
    private struct Kind: Sendable {
        let file: String
        let column: String
        let number: Int
        /// Whether the call's command is its third argument instead of its second.
        let hasIndex: Bool
    }

    private static let kinds = [
        Kind(file: "shm", column: "shmid", number: KernelCall.Number.shmctl, hasIndex: false),
        Kind(file: "msg", column: "msqid", number: KernelCall.Number.msgctl, hasIndex: false),
        Kind(file: "sem", column: "semid", number: KernelCall.Number.semctl, hasIndex: true),
    ]

    /// IPC_RMID.
    private static let removal = 0

    /// The numbers of those that a user owns or has made: an object can be given away, and its maker
    /// is known all the same.
    ///
    /// - Returns: nil if the table is not understood.
    static func numbers(_ table: [UInt8], column: String, of user: UInt32) -> [Int]? {
        let lines = table.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        }
        guard let header = lines.first, let id = header.firstIndex(of: column),
            let owner = header.firstIndex(of: "uid"), let maker = header.firstIndex(of: "cuid")
        else { return nil }
        var numbers: [Int] = []
        for fields in lines.dropFirst() {
            guard fields.count >= header.count, let number = Int(fields[id]) else { return nil }
            if [fields[owner], fields[maker]].contains(String(user)) { numbers.append(number) }
        }
        return numbers
    }

    /// How many a user has; nil if that cannot be told.
    static func count(of user: UInt32) -> Int? {
        var count = 0
        for kind in kinds {
            guard let numbers = numbers(kind, of: user) else { return nil }
            count += numbers.count
        }
        return count
    }

    private static func numbers(_ kind: Kind, of user: UInt32) -> [Int]? {
        KernelCall.contents("/proc/sysvipc/" + kind.file)
            .flatMap { numbers($0, column: kind.column, of: user) }
    }

    /// Removes them, as the user: root may not without the right to administer the system. To be
    /// used only while the user has no process.
    ///
    /// - Returns: Whether none is left.
    static func remove(of user: UInt32) -> Bool {
        guard let count = count(of: user) else { return false }
        guard count > 0 else { return true }
        guard KernelCall.setEffectiveUser(user) else { return false }
        for kind in kinds {
            for number in numbers(kind, of: user) ?? [] {
                _ = KernelCall.call(kind.number, number, kind.hasIndex ? 0 : removal, removal)
            }
        }
        // Without the way back this process could do nothing of what follows.
        guard KernelCall.setEffectiveUser(0) else { return false }
        // A change of user opens a process to others of that user, where the machine says so.
        guard Confinement.closeToOthers() else { return false }
        return self.count(of: user) == 0
    }
}
