import FoundationEssentials
import Model
import Testing

@testable import Rehearsal

@Suite("Task definition")
struct TaskDefinitionTests {
    @Test("placeholders are replaced inside strings only, and $${ stays a literal")
    func fills() throws {
        let document: JSON = ["a": "x${name}y${name}", "b": [1, "$${name}"]]
        let filled = try TemplateFile.fill(document, values: ["name": "\"quoted\""])
        #expect(filled == ["a": "x\"quoted\"y\"quoted\"", "b": [1, "${name}"]])
    }

    @Test("unknown and unset placeholders are refused together")
    func refuses() {
        let failure = #expect(throws: TaskDefinitionError.self) {
            try TemplateFile.fill(["${one} ${two}", "${open"], values: ["two": ""])
        }
        #expect(
            failure?.description
                == "a placeholder in \"${open\" is not closed; the placeholder ${one} is unknown;"
                + " the placeholder ${two} is not set"
        )
    }

    @Test("what may be left out may be empty, and nothing else")
    func empties() throws {
        let filled = try TemplateFile.fill(
            ["a": "${one}"],
            values: ["one": ""],
            mayBeEmpty: ["one"]
        )
        #expect(filled == ["a": ""])
        #expect(throws: TaskDefinitionError.self) {
            try TemplateFile.fill(["${one}"], values: ["one": ""], mayBeEmpty: ["two"])
        }
    }

    private func file(_ name: String = Executable.definitionName) throws -> [UInt8] {
        let path = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return Array(try #require(FileManager.default.contents(atPath: "/\(path)/\(name)")))
    }

    private func service() throws -> String {
        String(decoding: try file("ecs-task-def/service.tf"), as: UTF8.self)
    }

    @Test("what the model takes for deployed is what the files deploy")
    func deployed() throws {
        #expect(try Deployed(try definition(), service: try service()) == Deployed())
    }

    @Test(
        "a change of the module alone is noticed, and one that cannot be read is refused",
        arguments: [
            ("deployment_maximum_percent         = 100", "deployment_maximum_percent = 200"),
            ("deployment_minimum_healthy_percent = 0", "deployment_minimum_healthy_percent = 50"),
            ("enable   = true", "enable   = false"), ("rollback = true", "rollback = false"),
        ]
    )
    func drift(old: String, new: String) throws {
        let text = try service()
        let changed = text.replacing(old, with: new)
        #expect(changed != text)
        #expect(try Deployed(try definition(), service: changed) != Deployed())
        let variable = text.replacing(old, with: old.prefix { $0 != "=" } + "= var.percent")
        #expect(throws: TaskDefinitionError.self) {
            try Deployed(try definition(), service: variable)
        }
    }

    private func definition() throws -> TaskDefinition {
        let settings = PlaySettings(bin: "/bin", taskDefinition: "")
        return try TaskDefinition(
            template: try file(),
            values: settings.templateValues(
                names: ServiceNames(),
                base: "http://127.0.0.1:1",
                tokenParameter: "/token"
            )
        )
    }

    private func container(_ name: String) throws -> TaskDefinition.Container {
        try #require(try definition().container(name))
    }

    @Test("the repository's own file fills and decodes")
    func own() throws {
        let definition = try definition()
        #expect(
            definition.containerDefinitions.map(\.name)
                == ["launcher-delivery", "agent-sidecar", "tfc-agent"]
        )
        let agent = try #require(definition.containerDefinitions.last)
        #expect(agent.isEssential)
        #expect(agent.mountPoints?.first?.readOnly == true)
        #expect(agent.dependsOn?.map(\.condition) == [.success, .start])
    }

    @Test("times of the repository's own file are within ECS's limits")
    func limits() throws {
        for container in try definition().containerDefinitions {
            #expect((2...120).contains(container.stopTimeout ?? 30))
            #expect((60...1800).contains(container.restartPolicy?.restartAttemptPeriod ?? 300))
            #expect((2...120).contains(container.startTimeout ?? 120))
        }
    }

    @Test("a container sees the shared volume's directory, its secrets and ECS's addresses")
    func plan() throws {
        let plan = ContainerPlan(
            images: LocalImages.all(bin: "/b", agentDirectory: "/image"),
            parameters: ["/token": "s3cret"]
        )
        let surroundings = ContainerPlan.Surroundings(
            task: "t",
            base: "http://127.0.0.1:1",
            region: "us-east-1",
            endpointID: "e",
            metadataID: "m",
            credentialsID: "c",
            volumes: ["agent-link": "/tmp/x"],
            workingDirectory: "/tmp/w",
            marker: "t/a",
            rehearsal: "r"
        )
        let agent = try plan.program(try container("tfc-agent"), surroundings)
        #expect(agent.path == "/tmp/x/agent-launcher")
        #expect(agent.environment["AGENT_LINK_DIR"] == "/tmp/x")
        #expect(agent.environment["TFC_AGENT_TOKEN"] == "s3cret")
        #expect(agent.environment["ECS_AGENT_URI"] == "http://127.0.0.1:1/api/e")
        #expect(agent.environment["PATH"]?.hasPrefix("/image:") == true)
        let words = ["launcher-delivery": ["deliver"], "agent-sidecar": ["run"]]
        for (name, arguments) in words {
            let program = try plan.program(try container(name), surroundings)
            #expect(program.path == "/b/agent-sidecar")
            #expect(program.arguments == arguments)
        }
    }

    @Test("a container with a root to itself has its paths as they are deployed")
    func enclosed() throws {
        let plan = ContainerPlan(
            images: LocalImages.all(bin: "/b", agentDirectory: Enclosure.programs),
            parameters: ["/token": "s3cret"]
        )
        var surroundings = ContainerPlan.Surroundings(
            task: "t",
            base: "http://127.0.0.1:1",
            region: "r",
            endpointID: "e",
            metadataID: "m",
            credentialsID: "c",
            volumes: ["agent-link": "/tmp/x"],
            workingDirectory: "/tmp/w",
            marker: "t/a",
            rehearsal: "r"
        )
        surroundings.enclosure = Enclosure(place: "/tmp/p", user: 7, shown: [], agent: "/b/agent")
        let agent = try plan.program(try container("tfc-agent"), surroundings)
        #expect(agent.path == "/run/agent-link/agent-launcher")
        #expect(agent.environment["AGENT_LINK_DIR"] == "/run/agent-link")
        let words = try #require(agent.enclosure).arguments(agent.path, agent.arguments)
        #expect(
            Array(words.dropFirst(2)) == [
                "enclosure", "/tmp/p", "7", "/b/agent", "/run/agent-link", "/tmp/x", "ro", "--",
                "/run/agent-link/agent-launcher",
            ]
        )
    }

    @Test("a path beside a mount is not inside it")
    func besideMount() {
        let mounts = [Enclosure.Mount(path: "/run/link", directory: "/tmp/x", isReadOnly: true)]
        #expect(ContainerPlan.local("/run/link/a", mounts) == "/tmp/x/a")
        #expect(ContainerPlan.local("/run/linkage", mounts) == "/run/linkage")
    }
}
