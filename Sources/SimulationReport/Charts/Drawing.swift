/// A small SVG writer: what the charts need, and nothing that needs a font or a library. Colours
/// are classes, so that one style sheet serves light and dark.
struct Drawing {
    let width: Double
    let height: Double
    let title: String
    private var body = ""

    init(width: Double, height: Double, title: String) {
        self.width = width
        self.height = height
        self.title = title
    }

    /// Height of a line of text.
    static let line = 18.0
    /// What a character is about wide at the charts' size of 13.
    static let characterWidth = 7.1

    enum Anchor: String {
        case start
        case middle
        case end
    }

    mutating func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ kind: String)
    {
        body += "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(max(0, width)))\" "
        body += "height=\"\(n(max(0, height)))\" class=\"\(kind)\"/>\n"
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) {
        body += "<line x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\" "
        body += "class=\"\(kind)\"/>\n"
    }

    mutating func path(_ points: [(x: Double, y: Double)], _ kind: String, closed: Bool = false) {
        guard let first = points.first else { return }
        var data = "M\(n(first.x)) \(n(first.y))"
        for point in points.dropFirst() { data += "L\(n(point.x)) \(n(point.y))" }
        if closed { data += "Z" }
        body += "<path d=\"\(data)\" class=\"\(kind)\"/>\n"
    }

    mutating func text(
        _ text: String,
        _ x: Double,
        _ y: Double,
        _ kind: String = "t",
        _ anchor: Anchor = .start
    ) {
        body += "<text x=\"\(n(x))\" y=\"\(n(y))\" class=\"\(kind)\" "
        body += "text-anchor=\"\(anchor.rawValue)\">\(Self.escaped(text))</text>\n"
    }

    /// A mark of a series: shapes differ, for those who do not see the colours.
    mutating func mark(_ shape: Int, _ x: Double, _ y: Double, _ kind: String) {
        switch shape % 4 {
        case 0:
            body += "<circle cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"4.5\" class=\"\(kind)\"/>\n"
        case 1: rect(x - 4, y - 4, 8, 8, kind)
        case 2: path([(x, y - 5.5), (x + 5, y + 4), (x - 5, y + 4)], kind, closed: true)
        default:
            path([(x, y - 5.5), (x + 5.5, y), (x, y + 5.5), (x - 5.5, y)], kind, closed: true)
        }
    }

    /// One drawing inside another.
    mutating func place(_ drawing: Drawing, x: Double, y: Double) {
        body += "<svg x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(drawing.width))\" "
        body += "height=\"\(n(drawing.height))\">\n\(drawing.body)</svg>\n"
    }

    /// - Parameters:
    ///   - kind: a class of the element.
    ///   - style: a style sheet, for a file of its own.
    func svg(_ kind: String, style: String? = nil) -> String {
        let space = style == nil ? "" : "xmlns=\"http://www.w3.org/2000/svg\" "
        let size = style == nil ? "" : "width=\"\(n(width))\" height=\"\(n(height))\" "
        return "<svg \(space)\(size)viewBox=\"0 0 \(n(width)) \(n(height))\" class=\"\(kind)\" "
            + "role=\"img\" aria-label=\"\(Self.escaped(title))\">\n"
            + (style.map { "<style>\n\($0)</style>\n" } ?? "") + body + "</svg>\n"
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// A coordinate with one decimal; whole ones without.
    private func n(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        let part = tenths.magnitude
        return part % 10 == 0 ? "\(sign)\(part / 10)" : "\(sign)\(part / 10).\(part % 10)"
    }
}
