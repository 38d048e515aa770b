/// CloudWatch's embedded metric format: one member of a line says which others are metrics
/// (Amazon CloudWatch user guide, "Specification: Embedded metric format"). Its targets are members
/// of the line itself; a dimension's value is a text.
package enum EmbeddedMetrics {
    package static let namespace = "TerraformAgents"
    /// Of every metric: the few that this project pays for are told apart by service alone.
    static let service: [LogField] = [.cluster, .service]

    /// - Returns: the member `_aws`; nil where the line does not say of which service it is, or
    ///   nothing is measured.
    static func member(
        _ measured: [(metric: Metric, value: Double)],
        _ fields: LogFields,
        at moment: LogMoment
    ) -> String? {
        guard !measured.isEmpty, service.allSatisfy({ fields[$0] != nil }) else { return nil }
        // Metrics of the same dimensions share a directive.
        var directives: [(dimension: LogField?, metrics: [Metric])] = []
        for (metric, _) in measured {
            let dimension = metric.dimension.flatMap { fields[$0] == nil ? nil : $0 }
            if let place = directives.firstIndex(where: { $0.dimension == dimension }) {
                directives[place].metrics.append(metric)
            } else {
                directives.append((dimension, [metric]))
            }
        }
        let texts = directives.map { directive($0.metrics, $0.dimension) }
        return "\"_aws\":{\"Timestamp\":\(moment.milliseconds),\"CloudWatchMetrics\":["
            + texts.joined(separator: ",") + "]}"
    }

    private static func directive(_ metrics: [Metric], _ dimension: LogField?) -> String {
        var sets = [service]
        if let dimension { sets.append(service + [dimension]) }
        let dimensions = sets.map { set in
            "[" + set.map { "\"\($0.rawValue)\"" }.joined(separator: ",") + "]"
        }
        let definitions = metrics.map {
            "{\"Name\":\"\($0.rawValue)\",\"Unit\":\"\($0.unit.rawValue)\"}"
        }
        return "{\"Namespace\":\"\(namespace)\",\"Dimensions\":["
            + dimensions.joined(separator: ",") + "],\"Metrics\":["
            + definitions.joined(separator: ",") + "]}"
    }
}
