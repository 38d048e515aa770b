import AWS
import Audit
import Curl
import Decisions
import Ports
import Rules

/// One proof: looks whether the place is free, deploys, plays the acts, judges what was written and
/// seen by the rule book, and takes everything away again.
struct Proof: Sendable {
    /// How it ended.
    enum End: Int32, Sendable {
        /// Every run ended, every rule held, and nothing is left.
        case fine = 0
        case broken = 1
        /// It could not be set up, or not be taken away.
        case failed = 2
        case interrupted = 130
    }

    let settings: ProofSettings
    let ground: any ProofGround
    let http: any HTTPClient
    let say: @Sendable (String) -> Void

    private var names: ProofNames { ProofNames(prefix: settings.prefix) }

    func run() async -> End {
        let account: ProofAccount
        do {
            account = try await openAccount()
            say("look: nothing of others is called \(settings.prefix)-...")
            try await claim(account)
        } catch {
            await ground.close()
            return told(error)
        }
        var end: End
        do {
            say("deploy: the module's service, with stand-in agents")
            let target = try await ground.deploy()
            try await checkOwn(account)
            end = try await play(account, target)
        } catch {
            end = told(error)
        }
        if settings.keeps {
            say("kept, as --keep says; this takes it away:\n  \(ground.removal)")
        } else if await !Task.detached(operation: { await takeAway(account) }).value {
            end = end == .interrupted ? end : .failed
        }
        await ground.close()
        return end
    }

    /// Only takes away what an earlier one left.
    func onlyTakeAway() async -> End {
        do {
            let account = try await openAccount()
            let isGone = await takeAway(account)
            await ground.close()
            return isGone ? .fine : .failed
        } catch {
            await ground.close()
            return told(error)
        }
    }

    private func openAccount() async throws -> ProofAccount {
        ProofAccount(try await ground.open(), names: names, http: http)
    }

    private func told(_ error: any Error) -> End {
        if error is CancellationError || Task.isCancelled { return .interrupted }
        say("failed: \(error)")
        return .failed
    }

    // MARK: Whose is what

    private func claim(_ account: ProofAccount) async throws {
        var foreign = try await account.territory().foreign(to: settings.marker)
        // All of the family are removed in the end.
        foreign += try await account.ecs.taskDefinitions(family: names.family)
            .map { "task definition \($0)" }
        guard foreign.isEmpty else {
            throw ProofError(
                description:
                    "there is \(foreign.joined(separator: ", ")), which this did not make; "
                    + "nothing was touched. Choose another --prefix"
            )
        }
    }

    /// Nothing is written to what is not there by its name and with the tag.
    private func checkOwn(_ account: ProofAccount) async throws {
        let territory = try await account.territory()
        let own = territory.own(of: settings.marker)
        guard territory.foreign(to: settings.marker).isEmpty, own.count == 5 else {
            throw ProofError(
                description: "of cluster, tables and log groups only these have the tag of this "
                    + "proof: \(own.joined(separator: ", "))"
            )
        }
    }

    // MARK: Playing and judging

    private func play(_ account: ProofAccount, _ target: ProofTarget) async throws -> End {
        let began = WallTime.now()
        let pace = settings.pace
        let watch = ProofWatch(account, every: pace.look)
        let stage = ProofStage(account, target, watch, pace, ground, say: say)
        let looking = Task { await watch.run() }
        defer { looking.cancel() }
        var isPlayed = true
        do {
            for act in settings.acts { try await stage.play(act) }
        } catch let error as ProofError {
            // The lines so far may tell why.
            say("failed: \(error)")
            isPlayed = false
        }
        // What an act left undone says nothing of rest.
        let rest = isPlayed ? try await rested(watch) : nil
        if pace.lines > 0 { say("read: the last lines come within \(Int(pace.lines)) s") }
        try await Task.sleep(for: .seconds(pace.lines))
        let agents = try await account.lines(of: names.agentsLog, since: began)
        let endpoint = try await account.lines(of: names.endpointLog, since: began)
        let evidence = ProofEvidence(
            agents: agents,
            endpoint: endpoint,
            tasks: watch.tasks,
            items: watch.items,
            noted: await stage.facts,
            rest: rest
        )
        let audit = evidence.audit()
        say("\n" + audit.text + "\n")
        if let rollout = await stage.rollout { say(ReplacementSeen(rollout, watch.tasks).text) }
        if settings.acts.contains(.refusal) { say(evidence.refusals) }
        if let failure = watch.failures.last {
            say(
                "\(watch.failures.count) looks at ECS and the ledger failed, the last one: \(failure)"
            )
        }
        say(
            ProofBill(
                tasks: watch.tasks,
                functionLog: endpoint,
                agentsLog: agents,
                jobs: await stage.jobs
            ).text
        )
        return isPlayed && !audit.isBroken ? .fine : .broken
    }

    /// Waits until the service rests.
    ///
    /// - Returns: what it looked like then, or at the end of the patience.
    private func rested(_ watch: ProofWatch) async throws -> Rest? {
        say("rest: the service has to come to 0 tasks, and to stay there")
        let end = ContinuousClock.now + .seconds(settings.pace.patience)
        var book = RuleBook()
        while ContinuousClock.now < end {
            try await watch.look()
            if let rest = watch.rest(watched: settings.pace.rest, at: .now()),
                book.see(.rest(rest), at: 0).violations.isEmpty
            {
                return rest
            }
            try await Task.sleep(for: .seconds(settings.pace.look))
        }
        return watch.rest(watched: settings.pace.rest, at: .now())
    }

    // MARK: Taking away

    /// - Returns: whether nothing is left.
    private func takeAway(_ account: ProofAccount) async -> Bool {
        say("take away: everything that this made")
        do {
            try await ground.takeAway()
            // The module leaves them, so that a rollback finds the one before.
            for definition in try await account.ecs.taskDefinitions(family: names.family) {
                try await account.ecs.remove(definition: definition)
            }
            say("look: whether anything is left")
            let found =
                try await account.territory().found.keys.sorted()
                + account.ecs.taskDefinitions(family: names.family)
            let tagged = try await stillTagged(account)
            guard found.isEmpty, tagged.isEmpty else {
                say("left: \((found + tagged).joined(separator: "\n      "))")
                say("what is left is removed by\n  \(ground.removal)")
                return false
            }
            try ground.forget()
            say("nothing is left: neither under the prefix nor with the tag of this proof")
            return true
        } catch {
            say("not all is taken away: \(error)")
            say("what is left is removed by\n  \(ground.removal)")
            return false
        }
    }

    /// What has the proof's tag. What was deleted is told for a while, so it is looked again until
    /// nothing is or the patience is at its end. Deregistered task definitions ECS deletes later.
    private func stillTagged(_ account: ProofAccount) async throws -> [String] {
        let end = ContinuousClock.now + .seconds(settings.pace.patience)
        while true {
            let found = try await account.belongings.resources(
                tagged: Territory.tag,
                settings.marker
            ).filter { !$0.contains(":task-definition/") }
            if found.isEmpty || ContinuousClock.now >= end { return found }
            try await Task.sleep(for: .seconds(settings.pace.look))
        }
    }
}
