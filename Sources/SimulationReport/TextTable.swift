/// Lines of cells for a terminal, each column as wide as its widest cell.
package struct TextTable: Sendable {
    private let lines: [[String]]
    private let leading: Int

    /// - Parameter leading: so many columns stand to the left, as words do; the others to the right.
    package init(_ lines: [[String]], leading: Int = 0) {
        self.lines = lines
        self.leading = leading
    }

    package var text: String {
        let count = lines.first?.count ?? 0
        let widths = (0..<count).map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column < leading ? cell + padding : padding + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
