import AWS
import Decisions
import Ports

extension Examination {
    /// What every start needs, or it fails.
    var startDiagnoses: [Diagnosis] {
        var judge = Judge(.start)
        for (image, isThere) in images.sorted(by: { $0.key < $1.key }) {
            judge.found(
                "start.image",
                isThere,
                image,
                "there is no such image: build and push it, or mend the tag; tasks end with "
                    + "CannotPullContainerError"
            )
        }
        for (group, isThere) in logGroups.sorted(by: { $0.key < $1.key }) {
            judge.found(
                "start.log_group",
                isThere,
                group,
                "there is no such log group: tasks end before they run; terraform apply makes it"
            )
        }
        for (name, type) in parameters.sorted(by: { $0.key < $1.key }) {
            switch type {
            case .unseen(let why): judge.cannotTell("start.parameter", why)
            case .seen(let type):
                judge.expect(
                    "start.parameter",
                    type == "SecureString",
                    "\(name): \(type ?? "missing")",
                    type == nil
                        ? "write it: tasks end before they run with ResourceInitializationError"
                        : "write it as a SecureString: as it is, whoever may list parameters reads it"
                )
            }
        }
        judgeQuota(&judge)
        return judge.diagnoses
    }

    private func judgeQuota(_ judge: inout Judge) {
        guard case .seen(let quota) = quota else {
            if case .unseen(let why) = quota { judge.cannotTell("start.vcpu_quota", why) }
            return
        }
        guard let limits = ledger.value?.limits,
            let units = definition.value?.cpu.flatMap({ Double($0) })
        else {
            judge.cannotTell(
                "start.vcpu_quota",
                "\(Int(quota)) vCPUs, but limits or task size could not be read"
            )
            return
        }
        let needed = Double(limits.maxCount) * units / 1_024
        judge.expect(
            "start.vcpu_quota",
            quota >= needed,
            "\(quota.short) vCPUs, of which max_count takes \(needed.short)",
            "ask AWS for more (Service Quotas, Fargate On-Demand vCPU resource count), or lower "
                + "max_count"
        )
    }

    var permissionDiagnoses: [Diagnosis] {
        var judge = Judge(.permissions)
        switch credentials {
        case .unseen(let why): judge.cannotTell("permissions.credentials", why)
        case .seen(let areKnown):
            judge.expect(
                "permissions.credentials",
                areKnown,
                areKnown ? "AWS knows them" : "AWS refuses them",
                "export them again: they have expired, or are of another account"
            )
        }
        for permission in Permission.allCases {
            guard let seen = permissions[permission] else { continue }
            let name = "permissions.\(permission.code)"
            switch (seen, permission.isTooMuch) {
            case (.unseen(let why), _): judge.cannotTell(name, why)
            case (.seen(let isAllowed), false):
                judge.needed(name, permission, isAllowed, seat)
            case (.seen(let isAllowed), true):
                judge.expect(
                    name,
                    !isAllowed,
                    "\(permission.rawValue): \(isAllowed ? "allowed" : "denied")",
                    "take it from the role, which every run has: compare with the module's policies"
                )
            }
        }
        judgeRole(&judge)
        return judge.diagnoses
    }

    private func judgeRole(_ judge: inout Judge) {
        guard seat == .person else { return }
        switch roleRights {
        case .unseen(let why):
            judge.cannotTell(
                "permissions.task_role",
                why,
                advice: "with iam:SimulatePrincipalPolicy the task role's rights can be told"
            )
        case .seen(let rights):
            for permission in Permission.allCases {
                guard let isAllowed = rights[permission] else { continue }
                judge.expect(
                    "permissions.task_role_\(permission.code)",
                    isAllowed != permission.isTooMuch,
                    "\(permission.rawValue): \(isAllowed ? "allowed" : "denied")",
                    permission.isTooMuch
                        ? "take it from the task role, which every run has: compare with the "
                            + "module's policies"
                        : "allow it in the task role, as the module's policies do"
                )
            }
        }
    }

    /// Alarms, the clock and the versions at work.
    var operationDiagnoses: [Diagnosis] {
        var judge = Judge(.operation)
        judgeAlarms(&judge)
        switch clockSkew {
        case .unseen(let why): judge.cannotTell("operation.clock", why)
        case .seen(let skew):
            let seconds = skew.components.seconds
            judge.expect(
                "operation.clock",
                abs(seconds) < 30,
                "\(seconds) s before AWS's",
                else: abs(seconds) < 240 ? .doubtful : .faulty,
                "set this machine's clock: AWS refuses signatures that are five minutes off"
            )
        }
        switch writer {
        case .unseen(let why): judge.cannotTell("operation.versions", why)
        case .seen(nil):
            judge.cannotTell("operation.versions", "no sidecar has written the ledger yet")
        case .seen(let writer?):
            judge.expect(
                "operation.versions",
                writer == version,
                writer == version
                    ? version : "the ledger was last written by \(writer), this is \(version)",
                else: .doubtful,
                "during an upgrade both are at work; after it, look which task is of an old revision"
            )
        }
        // A program is as new as what it is linked with; this one has the libraries of its image.
        judge.expect("operation.libraries", true, libraries, "")
        return judge.diagnoses
    }

    private func judgeAlarms(_ judge: inout Judge) {
        guard case .seen(let alarms) = alarms else {
            if case .unseen(let why) = alarms { judge.cannotTell("operation.alarms", why) }
            return
        }
        func names(_ some: [SurroundingsInspection.Alarm]) -> String {
            some.map(\.name).joined(separator: ", ")
        }
        guard !alarms.isEmpty else {
            judge.expect(
                "operation.alarms",
                false,
                "none",
                else: .doubtful,
                "nobody is called when a run waits: turn on the module's alarms"
            )
            return
        }
        let silenced = alarms.filter { !$0.isArmed }
        judge.expect(
            "operation.alarms_armed",
            silenced.isEmpty,
            silenced.isEmpty ? "\(alarms.count) alarms" : "silenced: \(names(silenced))",
            else: .doubtful,
            "turn their actions on again (aws cloudwatch enable-alarm-actions)"
        )
        let ringing = alarms.filter { $0.state == "ALARM" }
        judge.expect(
            "operation.alarms",
            ringing.isEmpty,
            ringing.isEmpty ? "none rings" : names(ringing),
            "each alarm's description says what to do"
        )
    }
}

extension Judge {
    fileprivate mutating func found(
        _ name: String,
        _ isThere: Sighting<Bool>,
        _ what: String,
        _ advice: String
    ) {
        switch isThere {
        case .unseen(let why): cannotTell(name, "\(what): \(why)")
        case .seen(let isThere): expect(name, isThere, what, advice)
        }
    }

    /// Of a person's rights a denial says nothing about the pool's.
    fileprivate mutating func needed(
        _ name: String,
        _ permission: Permission,
        _ isAllowed: Bool,
        _ seat: Examination.Seat
    ) {
        if !isAllowed, seat == .person {
            cannotTell(name, "\(permission.rawValue): these credentials may not")
        } else {
            expect(
                name,
                isAllowed,
                "\(permission.rawValue): \(isAllowed ? "allowed" : "denied")",
                "allow it in the role, as the module's policies do"
            )
        }
    }
}

extension Double {
    /// Without a fraction that is none.
    fileprivate var short: String { self == rounded() ? "\(Int(self))" : "\(self)" }
}
