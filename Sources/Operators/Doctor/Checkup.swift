package import AWS
package import Decisions

/// All diagnoses of one examination.
package struct Checkup: Hashable, Report {
    package let place: ECSPlace
    package let at: WallTime
    /// In the order in which they are shown.
    package let diagnoses: [Diagnosis]

    package init(_ examination: Examination) {
        place = examination.place
        at = examination.at
        diagnoses =
            examination.serviceDiagnoses + examination.definitionDiagnoses
            + examination.startDiagnoses + examination.ledgerDiagnoses
            + examination.protectionDiagnoses + examination.permissionDiagnoses
            + examination.terraformDiagnoses + examination.endpointDiagnoses
            + examination.operationDiagnoses
    }

    package var worst: Diagnosis.Severity { diagnoses.map(\.severity).max() ?? .cannotTell }

    /// 0 all sound, 1 something cannot be told, 2 something is doubtful, 3 something is faulty.
    package var exitCode: Int32 { Int32(worst.rawValue) }

    /// As a person is shown it.
    package var page: Page {
        Page(
            title: "\(place.cluster)/\(place.service)",
            aside: at.text,
            parts: groups.map { group, members in
                .table(
                    head: ["", group.rawValue.uppercased(), ""],
                    rows: members.map { Self.row($0) }
                )
            } + [.facts([Page.Fact("in all", summary, worst.tone)])]
        )
    }

    private var groups: [(Diagnosis.Group, [Diagnosis])] {
        var order: [Diagnosis.Group] = []
        for diagnosis in diagnoses where !order.contains(diagnosis.group) {
            order.append(diagnosis.group)
        }
        return order.map { group in (group, diagnoses.filter { $0.group == group }) }
    }

    private static func row(_ diagnosis: Diagnosis) -> [Page.Cell] {
        let tone = diagnosis.severity.tone
        let name = diagnosis.name.split(separator: ".").last.map(String.init) ?? diagnosis.name
        let advice = diagnosis.advice.map { " -> \($0)" } ?? ""
        return [
            Page.Cell(diagnosis.severity.sign, tone), Page.Cell(name),
            Page.Cell(diagnosis.found + advice, tone == .good ? .plain : tone),
        ]
    }

    private var summary: String {
        Diagnosis.Severity.allCases.map { severity in
            "\(diagnoses.count { $0.severity == severity }) \(severity.word)"
        }.joined(separator: ", ")
    }

    /// One JSON object in one line.
    package var json: String {
        OperatorJSON.line(
            Written(
                cluster: place.cluster,
                service: place.service,
                at: at.text,
                worst: worst.word,
                checks: diagnoses.map {
                    WrittenCheck(
                        name: $0.name,
                        group: $0.group.rawValue,
                        severity: $0.severity.word,
                        found: $0.found,
                        advice: $0.advice
                    )
                }
            )
        )
    }

    private struct Written: Encodable {
        let cluster: String
        let service: String
        let at: String
        let worst: String
        let checks: [WrittenCheck]
    }

    private struct WrittenCheck: Encodable {
        let name: String
        let group: String
        let severity: String
        let found: String
        let advice: String?
    }
}

extension Diagnosis.Severity {
    fileprivate var word: String {
        switch self {
        case .sound: "sound"
        case .cannotTell: "cannot tell"
        case .doubtful: "doubtful"
        case .faulty: "faulty"
        }
    }

    fileprivate var sign: String {
        switch self {
        case .sound: "ok"
        case .cannotTell: "?"
        case .doubtful: "!"
        case .faulty: "X"
        }
    }

    fileprivate var tone: Page.Tone {
        switch self {
        case .sound: .good
        case .cannotTell: .plain
        case .doubtful: .doubtful
        case .faulty: .bad
        }
    }
}
