extension Page {
    /// Of a terminal that nobody has made wider since 1978.
    package static let usualWidth = 80

    /// As lines of at most `width` characters; only a word that is longer makes one longer.
    ///
    /// - Parameter isColored: with the escapes of ECMA-48 for a terminal.
    package func text(width: Int = Page.usualWidth, isColored: Bool = false) -> String {
        let paint = Paint(isOn: isColored)
        let gap = max(2, width - title.count - aside.count)
        let head = title + String(repeating: " ", count: gap) + aside
        var blocks = [[paint.bold(head)]]
        for part in parts {
            let lines = Self.lines(part, width, paint)
            if !lines.isEmpty { blocks.append(lines) }
        }
        return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n"
    }

    private static func lines(_ part: Part, _ width: Int, _ paint: Paint) -> [String] {
        switch part {
        case .facts(let facts):
            let indent = (facts.map(\.label.count).max() ?? 0) + 2
            return facts.flatMap { fact in
                hanging(
                    paint.dim(fact.label.padded(to: indent)),
                    indent: indent,
                    fact.cell,
                    width,
                    paint
                )
            }
        case .notes(let notes):
            return notes.flatMap { hanging("! ", indent: 2, $0, width, paint) }
        case .table(let head, let rows):
            return table(head, rows, width, paint)
        }
    }

    /// The last column takes what the others leave, and goes on below itself.
    private static func table(
        _ head: [String],
        _ rows: [[Cell]],
        _ width: Int,
        _ paint: Paint
    ) -> [String] {
        guard !rows.isEmpty else { return [] }
        let widths = head.indices.map { column in
            ([head[column].count] + rows.map { $0[column].text.count }).max() ?? 0
        }
        let last = head.count - 1
        func before(_ cells: [Cell]) -> String {
            cells.dropLast().enumerated().map { column, cell in
                paint.paint(cell.text.padded(to: widths[column]), cell.tone) + "  "
            }.joined()
        }
        let indent = widths.dropLast().reduce(0) { $0 + $1 + 2 }
        let title = (before(head.map { Cell($0) }) + head[last]).trimmedEnd
        return [paint.bold(title)]
            + rows.flatMap { row in
                hanging(before(row), indent: indent, row[last], width, paint).map(\.trimmedEnd)
            }
    }

    private static func hanging(
        _ label: String,
        indent: Int,
        _ cell: Cell,
        _ width: Int,
        _ paint: Paint
    ) -> [String] {
        let blank = String(repeating: " ", count: indent)
        let lines = cell.text.wrapped(to: max(20, width - indent))
        return lines.enumerated().map { number, line in
            (number == 0 ? label : blank) + paint.paint(line, cell.tone)
        }
    }
}

/// Colours of a terminal, or none.
private struct Paint {
    let isOn: Bool

    func bold(_ text: String) -> String { escaped(text, "1") }
    func dim(_ text: String) -> String { escaped(text, "2") }

    func paint(_ text: String, _ tone: Page.Tone) -> String {
        switch tone {
        case .plain: text
        case .good: escaped(text, "32")
        case .doubtful: escaped(text, "33")
        case .bad: escaped(text, "31")
        }
    }

    private func escaped(_ text: String, _ code: String) -> String {
        isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    fileprivate var trimmedEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    /// Lines of whole words.
    fileprivate func wrapped(to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in split(whereSeparator: \.isWhitespace) {
            if line.isEmpty {
                line = String(word)
            } else if line.count + 1 + word.count <= width {
                line += " " + word
            } else {
                lines.append(line)
                line = String(word)
            }
        }
        return lines + [line]
    }
}
