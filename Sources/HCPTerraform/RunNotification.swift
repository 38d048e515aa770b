package import Decisions
import StrictJSON

/// What a notification tells about one run ("Notification configurations", "Notification payload").
package struct RunNotification: Hashable, Sendable {
    /// One thing that happened to the run. A body holds one today, and may hold more.
    package struct Event: Hashable, Sendable {
        /// As the API spells it, and the only thing that says how far the run is; nil where it is
        /// missing.
        package let status: String?
        /// The names of what happened. Where a configuration asks for the newer, finer ones, the
        /// documents disagree which field has which, so both are taken.
        package let triggers: Set<String>

        package init(status: String?, triggers: Set<String>) {
            self.status = status
            self.triggers = triggers
        }
    }

    package let runID: String
    package let workspaceName: String
    package let organizationName: String
    package let events: [Event]

    /// The name of what happens before a run's first job waits for an agent. Nothing precedes the
    /// later jobs.
    static let created = "run:created"

    /// Jobs of the run that are over for good, by what any of the events says.
    package var closedJobs: Set<Job> {
        Set(events.compactMap(\.status).flatMap { Run(id: runID, status: $0).endedJobs })
    }

    /// The job that is about to wait for an agent; nil when the notification tells of none.
    package var coming: Job? {
        guard let plan = Job(id: runID, type: "plan"), !closedJobs.contains(plan),
            events.contains(where: { $0.triggers.contains(Self.created) && $0.isBeforePlan })
        else { return nil }
        return plan
    }
}

extension RunNotification.Event {
    /// Nothing is lost by a plan too many, so a missing status is no objection.
    fileprivate var isBeforePlan: Bool {
        status.map { Run(id: "", status: $0).isBeforePlan } ?? true
    }
}

/// What the body of a notification is, once its signature is right.
package enum NotificationCall: Hashable, Sendable {
    /// Sent when a configuration is created, changed or tried: every field of a run is null.
    case verification
    case run(RunNotification)
    /// Of something else than a run, such as an assessment, a workspace or a change request, or in
    /// a form that is not known here. Of no use, and nothing is wrong with it.
    case other

    /// - Parameter body: the raw bytes, already verified.
    /// - Throws: ``NotificationFault``.
    package init(body: [UInt8]) throws(NotificationFault) {
        let payload: Payload
        do {
            payload = try StrictJSON.decode(Payload.self, from: body)
        } catch {
            throw NotificationFault()
        }
        let events = payload.events
        if let run = payload.run, !events.isEmpty {
            self = .run(
                RunNotification(
                    runID: run,
                    workspaceName: payload.workspace_name?.value ?? "",
                    organizationName: payload.organization_name?.value ?? "",
                    events: events
                )
            )
        } else if payload.run_id == nil, events.contains(where: { $0.triggers == ["verification"] })
        {
            self = .verification
        } else {
            self = .other
        }
    }

    /// Nothing is refused for the sake of one field, whatever it holds.
    private struct Payload: Decodable {
        var payload_version: Lenient<PayloadVersion>?
        var run_id: Lenient<String>?
        var workspace_name: Lenient<String>?
        var organization_name: Lenient<String>?
        var notifications: Lenient<[Lenient<Item>]>?

        struct Item: Decodable {
            var trigger: Lenient<String>?
            var trigger_type: Lenient<String>?
            var run_status: Lenient<String>?
        }

        /// Nil for another version's too: what its fields mean is not known.
        var run: String? {
            if let payload_version, payload_version.value?.number != 1 { return nil }
            guard let run = run_id?.value, Job(id: run, type: "plan") != nil else { return nil }
            return run
        }

        var events: [RunNotification.Event] {
            (notifications?.value ?? []).compactMap(\.value).map { item in
                RunNotification.Event(
                    status: item.run_status?.value,
                    triggers: Set(
                        [item.trigger?.value, item.trigger_type?.value].compactMap { $0 }
                    )
                )
            }
        }
    }
}

/// The body is no JSON object.
package struct NotificationFault: Error, Hashable, CustomStringConvertible {
    package var description: String { "the body is not the JSON of a notification" }
}
