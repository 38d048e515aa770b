import Decisions
import Testing

@testable import Sidecar

/// What agents wrote, as people have published it, with ids, names and hosts changed; and what the
/// sidecar makes of each line that the launcher passes on.
struct PublishedAgentLog: Sendable, CustomTestStringConvertible {
    let source: String
    let text: String
    let readings: [AgentLog.Reading]

    var testDescription: String { source }

    private static func plan(_ run: String) -> Job { job(run, "plan") }
    private static func apply(_ run: String) -> Job { job(run, "apply") }

    private static func job(_ run: String, _ type: String) -> Job {
        guard let job = Job(id: run, type: type) else { preconditionFailure("no job: \(run)") }
        return job
    }

    static let all: [PublishedAgentLog] = [
        PublishedAgentLog(
            source: "agent 0.4.1 behind a wrapper that puts its own time and a name "
                + "before each line (dcanadillas/waypoint-tfc-agents, README)",
            text: """
                2021-09-29T16:38:31.702Z V9FQDS: [INFO]  entrypoint: entrypoint starting: \
                deployment_id=01FAKE0DEPLOYMENT0ID0000AA \
                instance_id=01FAKE0INSTANCE00ID0000V9FQDS \
                args=["/home/tfc-agent/bin/tfc-agent"]
                2021-09-29T16:38:31.731Z V9FQDS: [INFO]  entrypoint.child: starting child \
                process: args=["/home/tfc-agent/bin/tfc-agent"] \
                cmd=/home/tfc-agent/bin/tfc-agent
                2021-09-29T16:38:31.746Z V9FQDS: 2021-09-29T16:38:31.746Z [INFO]  agent: \
                Starting: name=tfc-agent version=0.4.1
                2021-09-29T16:38:31.761Z V9FQDS: 2021-09-29T16:38:31.760Z [INFO]  core: \
                Starting: version=0.4.1
                2021-09-29T16:38:32.517Z V9FQDS: 2021-09-29T16:38:32.516Z [INFO]  core: \
                Agent registered successfully with Terraform Cloud: \
                id=agent-Cd5eFg8hIj1kLm4n pool-id=apool-Bc2dEf5gHi8jKl1m
                2021-09-29T16:38:32.646Z V9FQDS: 2021-09-29T16:38:32.646Z [INFO]  agent: \
                Core version is up to date: version=0.4.1
                2021-09-29T16:38:32.647Z V9FQDS: 2021-09-29T16:38:32.646Z [INFO]  core: \
                Waiting for next job
                """,
            readings: [
                .unreadable(.form),
                .unreadable(.form),
            ]
        ),
        PublishedAgentLog(
            source: "a plan and the apply of the same run on one agent (a public "
                + "README, 2022-01-19)",
            text: """
                2022-01-19T15:58:29.477Z [INFO]  core: Job received: job.type=plan \
                job.id=run-Fg8hIj2kLm5nOp8q
                2022-01-19T15:58:29.477Z [INFO]  terraform: Handling run: \
                run.id=run-Fg8hIj2kLm5nOp8q run.operation=plan \
                organization.name=example-org workspace.name=example-ws
                2022-01-19T15:58:29.536Z [INFO]  terraform: Extracting Terraform from \
                release archive
                2022-01-19T15:58:30.026Z [INFO]  terraform: Terraform CLI details: \
                version=1.1.3
                2022-01-19T15:58:30.026Z [INFO]  terraform: Downloading Terraform \
                configuration
                2022-01-19T15:58:30.137Z [INFO]  terraform: Running terraform init
                2022-01-19T15:58:33.184Z [INFO]  terraform: Running terraform plan
                2022-01-19T15:58:38.612Z [INFO]  terraform: Generating and uploading plan \
                JSON
                2022-01-19T15:58:42.825Z [INFO]  terraform: Generating and uploading \
                provider schemas JSON
                2022-01-19T15:58:47.873Z [INFO]  terraform: Persisting filesystem to \
                remote storage
                2022-01-19T15:58:48.390Z [INFO]  terraform: Finished handling run
                2022-01-19T15:58:51.389Z [INFO]  core: Waiting for next job
                2022-01-19T15:59:12.209Z [INFO]  core: Job received: job.type=apply \
                job.id=run-Fg8hIj2kLm5nOp8q
                2022-01-19T15:59:12.209Z [INFO]  terraform: Handling run: \
                run.id=run-Fg8hIj2kLm5nOp8q run.operation=apply \
                organization.name=example-org workspace.name=example-ws
                2022-01-19T15:59:12.262Z [INFO]  terraform: Extracting Terraform from \
                release archive
                2022-01-19T15:59:12.773Z [INFO]  terraform: Terraform CLI details: \
                version=1.1.3
                2022-01-19T15:59:12.773Z [INFO]  terraform: Restoring filesystem from \
                remote storage
                2022-01-19T15:59:12.925Z [INFO]  terraform: Running terraform init
                2022-01-19T15:59:25.765Z [INFO]  terraform: Running terraform apply
                2022-01-19T15:59:30.461Z [INFO]  terraform: Finished handling run
                2022-01-19T15:59:32.511Z [INFO]  core: Waiting for next job
                """,
            readings: [
                .event(.received(plan("run-Fg8hIj2kLm5nOp8q"))),
                .event(.waiting),
                .event(.received(apply("run-Fg8hIj2kLm5nOp8q"))),
                .event(.waiting),
            ]
        ),
        PublishedAgentLog(
            source: "the whole life of a plan (munnep/tfc_provider_agent, README, "
                + "2022-03-21)",
            text: """
                2022-03-21T13:39:00.070Z [INFO]  agent: Starting: name=agent-7f3a \
                version=1.1.3
                2022-03-21T13:39:00.081Z [INFO]  core: Starting: version=1.1.3
                2022-03-21T13:39:00.543Z [INFO]  core: Agent registered successfully with \
                Terraform Cloud: agent.id=agent-De6fGh9iJk2lMn5o \
                agent.pool.id=apool-Cd3eFg6hIj9kLm2n
                2022-03-21T13:39:00.609Z [INFO]  agent: Core version is up to date: \
                version=1.1.3
                2022-03-21T13:39:00.609Z [INFO]  core: Waiting for next job
                2022-03-21T13:44:34.866Z [INFO]  core: Job received: job.type=plan \
                job.id=run-Ef7gHi1jKl4mNo7p
                2022-03-21T13:44:34.866Z [INFO]  terraform: Handling run: \
                run.id=run-Ef7gHi1jKl4mNo7p run.operation=plan \
                organization.name=example-org workspace.name=random_pet
                2022-03-21T13:44:34.867Z [INFO]  terraform: Downloading Terraform \
                release: \
                url=https://releases.hashicorp.com/terraform/1.1.6/terraform_1.1.6_linux_a\
                md64.zip
                2022-03-21T13:44:37.111Z [INFO]  terraform: Extracting Terraform from \
                release archive
                2022-03-21T13:44:37.530Z [INFO]  terraform: Terraform CLI details: \
                version=1.1.6
                2022-03-21T13:44:37.530Z [INFO]  terraform: Downloading Terraform \
                configuration
                2022-03-21T13:44:37.644Z [INFO]  terraform: Running terraform init
                2022-03-21T13:44:40.527Z [INFO]  terraform: Running terraform plan
                2022-03-21T13:44:42.691Z [INFO]  terraform: Generating and uploading plan \
                JSON
                2022-03-21T13:44:44.613Z [INFO]  terraform: Generating and uploading \
                provider schemas JSON
                2022-03-21T13:44:46.626Z [INFO]  terraform: Persisting filesystem to \
                remote storage
                2022-03-21T13:44:48.569Z [INFO]  terraform: Finished handling run
                2022-03-21T13:44:48.802Z [INFO]  core: Waiting for next job
                """,
            readings: [
                .event(.registered(id: "agent-De6fGh9iJk2lMn5o")),
                .event(.waiting),
                .event(.received(plan("run-Ef7gHi1jKl4mNo7p"))),
                .event(.waiting),
            ]
        ),
        PublishedAgentLog(
            source: "a start (nicolaka/tfc-jit-agent, README, 2022-08-16)",
            text: """
                2022-08-16T19:38:31.281Z [INFO]  agent: Starting: name=jit-agent \
                version=1.3.0
                2022-08-16T19:38:31.301Z [INFO]  core: Starting: version=1.3.0
                2022-08-16T19:38:31.944Z [INFO]  core: Agent registered successfully with \
                Terraform Cloud: agent.id=agent-Gh9iJk3lMn6oPq9r \
                agent.pool.id=apool-De4fGh7iJk1lMn3o
                2022-08-16T19:38:32.012Z [INFO]  agent: Core version is up to date: \
                version=1.3.0
                2022-08-16T19:38:32.012Z [INFO]  core: Waiting for next job
                """,
            readings: [
                .event(.registered(id: "agent-Gh9iJk3lMn6oPq9r")),
                .event(.waiting),
            ]
        ),
        PublishedAgentLog(
            source: "a core that updates itself, one space after the level, a name and "
                + "no id (KodeKloud, course notes)",
            text: """
                2022-10-05T12:14:30.066Z [INFO] agent: Core update is available: \
                version=1.4.0
                2022-10-05T12:14:31.061Z [INFO] agent: Core successfully updated: \
                version=1.4.0
                2022-10-05T12:14:31.806Z [INFO] core: Agent registered successfully with \
                Terraform Cloud: agent.name=east-dc-1
                2022-10-05T12:14:31.902Z [INFO] core: Waiting for next job
                2022-10-05T12:18:38.117Z [INFO] core: Job received: job.type=plan \
                job.id=run-XXXXX
                2022-10-05T12:18:38.880Z [INFO] terraform: Terraform CLI details: \
                version=1.3.1
                2022-10-05T12:18:39.010Z [INFO] terraform: Running terraform init
                2022-10-05T12:18:42.415Z [INFO] terraform: Running terraform plan
                """,
            readings: [
                .event(.registered(id: nil)),
                .event(.waiting),
                .event(.received(plan("run-XXXXX"))),
            ]
        ),
        PublishedAgentLog(
            source: "agents 1.28 to 1.30.1, then one of 2023 and one of 2020 (HCP "
                + "Terraform docs, \"Request forwarding\"; hashicorp/terraform-k8s, "
                + "pull request 82)",
            text: """
                2026-05-19T08:00:00.010Z [INFO]  agent: Starting: agent_name=runner \
                agent_version=1.30.1 os=linux arch=amd64
                2026-05-19T08:00:00.050Z [INFO]  core: Starting: version=1.30.1
                2026-05-19T08:00:00.700Z [INFO]  core: Agent registered successfully with \
                HCP Terraform: agent_id=agent-Jk2lMn5oPq8rSt2u \
                agent_pool_id=apool-Ef5gHi8jKl2mNo4p
                2026-05-19T08:00:00.800Z [INFO]  agent: Core version is up to date: \
                version=1.30.1
                2026-05-19T08:00:00.801Z [INFO]  core: Request forwarding is enabled
                2026-05-19T08:00:00.901Z [INFO]  grpc_connector: Connected to broker, \
                awaiting requests
                2026-05-19T08:00:00.950Z [INFO]  core: Waiting for next job
                2023-04-14T17:12:43.002Z [INFO] core: Job received: job_type=plan \
                job_id=run-xxx
                2020-11-23T18:36:50.502Z [INFO]  core: Agent registered successfully with \
                Terraform Cloud: id=agent-Kl3mNo6p pool-id=apool-Fg6hIj9kL
                """,
            readings: [
                .event(.registered(id: "agent-Jk2lMn5oPq8rSt2u")),
                .event(.waiting),
                .event(.received(plan("run-xxx"))),
                .event(.registered(id: "agent-Kl3mNo6p")),
            ]
        ),
        PublishedAgentLog(
            source: "errors (support.hashicorp.com 42968442931859; Terraform Enterprise "
                + "v202302-1, release notes; a multi-line value as hclog writes it)",
            text: """
                2025-02-11T09:14:02.120Z [INFO]  agent: Starting: agent_version=1.22.0 \
                os=linux arch=amd64
                2025-02-11T09:14:02.390Z [ERROR] agent: Failed starting core plugin: \
                error="failed configuring core: agent registration failed: POST \
                https://tfe.example.internal/api/agent/register giving up after 1 \
                attempt(s): Post \\"https://tfe.example.internal/api/agent/register\\": \
                tls: failed to verify certificate: x509: certificate signed by unknown \
                authority"
                2023-02-14T10:00:00.000Z [ERROR] core: Unexpected HTTP response code: \
                method=POST url=https://terraform.example.com/api/agent/register status=404
                Error: token is required
                2025-02-11T09:14:05.001Z [ERROR] core: Job received but cannot be \
                handled: job_type=plan
                  error=
                  | error during job
                  | 2025-02-11T09:14:05.000Z [INFO]  core: Waiting for next job

                2025-02-11T09:14:06.001Z [INFO]  core: Waiting for next job
                """,
            readings: [
                .unreadable(.message),
                .unreadable(.form),
                .event(.waiting),
            ]
        ),
        PublishedAgentLog(
            source: "hooks that write into the container's log (basivireddy1212/test, "
                + "\"agent-logs\"); the fifth line is forged during a job, the last "
                + "two have a hook's text glued before them",
            text: """
                2026-05-19T08:01:00.001Z [INFO]  core: Job received: job_type=plan \
                job_id=run-Lm4nOp7qRs1tUv4w
                [custom-hook] Starting pre-plan step...
                [hook] Pre-plan running for run-Lm4nOp7qRs1tUv4w
                Agent registered successfully? checking with curl ... Waiting for next job
                2026-05-19T08:01:02.000Z [INFO]  core: Waiting for next job
                uploading 3 files ... 2026-05-19T08:01:09.120Z [INFO]  terraform: \
                Finished handling run
                post-plan: done.2026-05-19T08:01:09.400Z [INFO]  core: Waiting for next job
                """,
            readings: [
                .event(.received(plan("run-Lm4nOp7qRs1tUv4w"))),
                .unreadable(.form),
                .event(.waiting),
                .unreadable(.form),
            ]
        ),
    ]
}
