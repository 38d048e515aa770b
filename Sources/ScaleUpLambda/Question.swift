import Operators
import Telemetry

/// What whoever may invoke the function asks of the pool: `{"ask":"status"}` or `{"ask":"doctor"}`,
/// or a CloudWatch dashboard for a custom widget (CloudWatch user guide, "Details about custom
/// widgets").
///
/// No request through the function URL is ever one: anybody can make those.
enum Question: Hashable, Sendable {
    enum Subject: String, Hashable, Sendable {
        /// What the pool does.
        case status
        /// What is wrong with it, as far as the function's role may look.
        case doctor
    }

    enum Form: Hashable, Sendable {
        /// One JSON object.
        case object
        /// A JSON string with the lines that a terminal shows.
        case text
        /// A JSON string with HTML, which is what a custom widget draws.
        case widget
    }

    /// - Parameter pool: its name, where there are several; nil for the first.
    case about(Subject, Form, pool: String? = nil)
    /// A dashboard asks what the widget is; answered without a call.
    case manual

    /// - Parameter look: gets what is asked for and the pool's name; nil is the answer where there is
    ///   none of it.
    /// - Returns: the answer as JSON.
    func answer(_ look: @Sendable (Subject, String?) async -> (any Report)?) async -> String {
        guard case .about(let subject, let form, let pool) = self else {
            return Self.quoted(Self.manualText)
        }
        guard let report = await look(subject, pool) else {
            return Self.quoted("There is no pool of this name behind the endpoint.")
        }
        switch form {
        case .object: return report.json
        case .text: return Self.quoted(report.page.text())
        case .widget: return Self.quoted(report.page.html)
        }
    }

    private static func quoted(_ text: String) -> String {
        var json = ""
        json.appendJSONString(text)
        return json
    }

    /// Markdown.
    private static let manualText = """
        ## The pool of agents

        What the pool does at this moment, and why a job waits, as `agent-sidecar status` shows it:
        limits, size, service, tasks with their jobs, jobs that wait, departures, and starts that
        failed. With `ask: doctor` instead, what is wrong, as `agent-sidecar doctor` finds it by the
        function's rights. It changes nothing. Where several pools share the endpoint, `pool` names
        one of them:

        ``` yaml
        ask: status
        pool: NAME
        ```
        """
}
