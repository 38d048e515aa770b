/// What one check found.
package struct Diagnosis: Hashable, Sendable {
    /// From the best to the worst; what a whole checkup comes to is its worst.
    package enum Severity: Int, Hashable, Sendable, Comparable, CaseIterable {
        case sound
        /// The check could not be made. Never as good as sound.
        case cannotTell
        /// It works, and may not be what was meant.
        case doubtful
        case faulty

        package static func < (left: Severity, right: Severity) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    package enum Group: String, Hashable, Sendable, CaseIterable {
        case ledger
        case service
        case definition = "task definition"
        case start = "what a start needs"
        case protection
        case permissions
        case terraform = "HCP Terraform"
        case endpoint
        case operation
    }

    /// Never changes.
    package let name: String
    package let group: Group
    package let severity: Severity
    package let found: String
    /// What to do; nil where nothing is.
    package let advice: String?

    package init(
        _ name: String,
        _ group: Group,
        _ severity: Severity,
        _ found: String,
        advice: String? = nil
    ) {
        self.name = name
        self.group = group
        self.severity = severity
        self.found = found
        self.advice = advice
    }
}

/// Something that was looked at, or why it could not be.
package enum Sighting<Value: Sendable>: Sendable {
    case seen(Value)
    case unseen(String)

    package var value: Value? { if case .seen(let value) = self { value } else { nil } }

    func map<Other>(_ change: (Value) -> Other) -> Sighting<Other> {
        switch self {
        case .seen(let value): .seen(change(value))
        case .unseen(let why): .unseen(why)
        }
    }
}

extension Sighting: Equatable where Value: Equatable {}
extension Sighting: Hashable where Value: Hashable {}

/// Makes the diagnoses of one group.
struct Judge {
    let group: Diagnosis.Group
    private(set) var diagnoses: [Diagnosis] = []

    init(_ group: Diagnosis.Group) { self.group = group }

    /// - Parameters:
    ///   - found: what is there, in few words.
    ///   - advice: what to do where it is not as it should be.
    mutating func expect(
        _ name: String,
        _ isSound: Bool,
        _ found: String,
        else severity: Diagnosis.Severity = .faulty,
        _ advice: String
    ) {
        diagnoses.append(
            Diagnosis(
                name,
                group,
                isSound ? .sound : severity,
                found,
                advice: isSound ? nil : advice
            )
        )
    }

    mutating func cannotTell(_ name: String, _ why: String, advice: String? = nil) {
        diagnoses.append(Diagnosis(name, group, .cannotTell, why, advice: advice))
    }
}
