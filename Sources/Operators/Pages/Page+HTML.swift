extension Page {
    /// As a fragment that a CloudWatch dashboard shows; its own style is that of the dashboard
    /// (CloudWatch user guide, "Details about custom widgets"). Every text is escaped: reasons are
    /// ECS's words, and the names in them a person's.
    package var html: String {
        let head =
            "<p><strong>\(title.escapedForHTML)</strong> &nbsp; \(aside.escapedForHTML)</p>"
        return ([head] + parts.compactMap(Self.html)).joined(separator: "\n")
    }

    private static func html(_ part: Part) -> String? {
        switch part {
        case .facts(let facts):
            let rows = facts.map { fact in
                "<tr><th align=\"left\">\(fact.label.escapedForHTML)</th>\(data(fact.cell))</tr>"
            }
            return table(rows)
        case .notes(let notes):
            guard !notes.isEmpty else { return nil }
            let items = notes.map { "<li\(style($0.tone))>\($0.text.escapedForHTML)</li>" }
            return "<ul>" + items.joined() + "</ul>"
        case .table(let head, let rows):
            guard !rows.isEmpty else { return nil }
            let heads = head.map { "<th align=\"left\">\($0.escapedForHTML)</th>" }.joined()
            return table(
                ["<tr>\(heads)</tr>"] + rows.map { "<tr>\($0.map(data).joined())</tr>" }
            )
        }
    }

    private static func table(_ rows: [String]) -> String {
        "<table>" + rows.joined() + "</table>"
    }

    private static func data(_ cell: Cell) -> String {
        "<td\(style(cell.tone))>\(cell.text.escapedForHTML)</td>"
    }

    /// Readable on CloudWatch's light ground and on its dark one.
    private static func style(_ tone: Tone) -> String {
        switch tone {
        case .plain: ""
        case .good: " style=\"color:#1d8102\""
        case .doubtful: " style=\"color:#c77600\""
        case .bad: " style=\"color:#d13212\""
        }
    }
}

extension String {
    fileprivate var escapedForHTML: String {
        var text = ""
        for character in self {
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.append(character)
            }
        }
        return text
    }
}
