import Decisions

/// Rule 8: what others may read.
extension RuleBook {
    func judge(_ text: String, _ place: Fact.Place, _ bench: inout Bench) {
        guard let kind = SecretKind.found(in: text) else { return }
        switch place {
        case .log(let id, let program):
            bench.note(.secrets, .task(id), "shows \(kind.rawValue) in a line of \(program)")
        case .endpointLog: bench.note(.secrets, .endpoint, "shows \(kind.rawValue) in a line")
        case .table:
            bench.note(.secrets, .service, "has \(kind.rawValue) in an item of its table")
        }
    }
}
