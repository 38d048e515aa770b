import Decisions
import FoundationEssentials
import Glibc
import Model

/// What a task's life asks for, done with processes.
extension ECSStandIn {
    func perform(_ action: TaskLife.Action, of id: TaskID) {
        switch action {
        case .start(let name): startContainer(name, of: id)
        case .checkHealth(let name): checkHealth(name, of: id)
        case .terminate(let name): signal(SIGTERM, name, of: id)
        case .kill(let name):
            if name == PlayNames.agent { noteOverrun(of: id) }
            signal(SIGKILL, name, of: id)
        }
    }

    private func startContainer(_ name: String, of id: TaskID) {
        guard let container = tasks[id]?.life.container(name),
            let definition = settings.definition.container(name)
        else { return }
        do {
            let surroundings = try surroundings(name, of: id)
            var program = try settings.plan.program(definition, surroundings)
            if name == PlayNames.agent, !badEnds.isEmpty {
                program.environment.merge(badEnds.removeFirst().environment) { _, new in new }
            }
            let source = Happening.Source.container(id, name)
            let pid = try ChildProcess.start(
                program,
                line: { [journal] _, line in journal.record(.line(source, line)) },
                exit: { [feed] code in feed.yield(.exited(id, name, code)) }
            )
            tasks[id]?.life.started(name, pid: pid, at: time.now)
            if container.restarts > 0 { lastChange = time.now }
            journal.record(
                .containerStarted(id, container: name, pid: pid, restart: container.restarts > 0)
            )
        } catch {
            journal.record(.note("\(name) of \(short(id)) cannot start: \(error)"))
            feed.yield(.exited(id, name, 127))
        }
    }

    private func checkHealth(_ name: String, of id: TaskID) {
        guard let definition = settings.definition.container(name) else { return }
        do {
            let program = try settings.plan.healthCheck(
                definition,
                try surroundings(name, of: id)
            )
            let pid = try ChildProcess.start(
                program,
                line: { _, _ in },
                exit: { [feed] code in feed.yield(.checked(id, name, code == 0)) }
            )
            let limit = definition.healthCheck?.timeout ?? 5
            Task {
                try? await Task.sleep(for: .seconds(limit))
                // Its group is gone long ago unless it hangs; the marker makes sure that the
                // number was not given to somebody else meanwhile.
                let marker = "\(Leftovers.rehearsalName)=\(self.settings.rehearsal)"
                if Leftovers.has(pid, marker) { kill(-pid_t(pid), SIGKILL) }
            }
        } catch {
            feed.yield(.checked(id, name, false))
        }
    }

    private func signal(_ number: Int32, _ name: String, of id: TaskID) {
        guard let pid = tasks[id]?.life.container(name)?.pid else { return }
        // The stop signal goes to the container's first process only, as in a real one.
        kill(number == SIGKILL ? -pid_t(pid) : pid_t(pid), number)
    }

    /// Marks the processes of one container: two rehearsals of one seed have the same task ids.
    func marker(of container: String, in id: TaskID) -> String {
        "\(settings.rehearsal)/\(id)/\(container)"
    }

    private func surroundings(
        _ name: String,
        of id: TaskID
    ) throws -> ContainerPlan.Surroundings {
        guard let task = tasks[id] else { throw SpawnError(description: "the task is gone") }
        let files = FileManager.default
        var volumes: [String: String] = [:]
        for volume in settings.definition.volumes ?? [] {
            let path = "\(task.directory)/\(volume.name)"
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
            volumes[volume.name] = path
        }
        let work = "\(task.directory)/\(name).work"
        try files.createDirectory(atPath: work, withIntermediateDirectories: true)
        var extra = settings.extra
        for container in settings.definition.containerDefinitions {
            extra[container.name, default: [:]]["STAND_IN_TASK"] = id.text
        }
        return ContainerPlan.Surroundings(
            task: id,
            base: base,
            region: settings.names.region,
            endpointID: task.endpointID,
            metadataID: task.metadataIDs[name] ?? "",
            credentialsID: task.credentialsID,
            volumes: volumes,
            workingDirectory: work,
            marker: marker(of: name, in: id),
            rehearsal: settings.rehearsal,
            inherited: settings.inherited,
            extra: extra,
            enclosure: name == PlayNames.agent ? try enclosure(of: task) : nil
        )
    }

    private func enclosure(of task: RunningTask) throws -> Enclosure? {
        guard let agent = settings.enclosedAgent else { return nil }
        let place = "\(task.directory)/root"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        return Enclosure(place: place, user: Enclosure.user(task.number), agent: agent)
    }
}
