/// What a role may do, by IAM's simulator, which runs nothing (IAM API reference,
/// SimulatePrincipalPolicy). It knows the role's policies and boundary; what a resource's own policy
/// says it does not.
package struct RoleInspection: Sendable {
    private let aws: AWSClient

    package init(_ aws: AWSClient) { self.aws = aws }

    /// One action on one resource, and what the policies' conditions look at.
    package struct Question: Hashable, Sendable {
        package let action: String
        package let resource: String
        /// By the keys of conditions. A key that has several values in a request is a list.
        package let texts: [String: String]
        package let lists: [String: [String]]

        package init(
            _ action: String,
            on resource: String,
            texts: [String: String] = [:],
            lists: [String: [String]] = [:]
        ) {
            self.action = action
            self.resource = resource
            self.texts = texts
            self.lists = lists
        }

        /// As members of a form.
        fileprivate var members: [(name: String, value: String)] {
            var members = [
                (name: "ActionNames.member.1", value: action),
                (name: "ResourceArns.member.1", value: resource),
            ]
            let entries =
                texts.map { (key: $0.key, type: "string", values: [$0.value]) }
                + lists.map { (key: $0.key, type: "stringList", values: $0.value) }
            for (place, entry) in entries.sorted(by: { $0.key < $1.key }).enumerated() {
                let prefix = "ContextEntries.member.\(place + 1)."
                members.append((prefix + "ContextKeyName", entry.key))
                members.append((prefix + "ContextKeyType", entry.type))
                for (number, value) in entry.values.enumerated() {
                    members.append((prefix + "ContextKeyValues.member.\(number + 1)", value))
                }
            }
            return members
        }
    }

    /// - Parameter role: its ARN.
    package func allows(
        _ role: String,
        _ question: Question
    ) async throws(AWSFailure) -> Bool {
        let action = "SimulatePrincipalPolicy"
        let members = [(name: "PolicySourceArn", value: role)] + question.members
        let answer = try await aws.askIAM(action, members)
        guard let decision = answer.element("EvalDecision") else {
            let cause = AWSFailure.Cause.malformedAnswer("EvalDecision is missing")
            throw AWSFailure(call: "iam \(action)", cause: cause, attempts: 1)
        }
        return decision == "allowed"
    }
}
