/// What a person is shown, before it is decided where: on a terminal or in a browser.
package struct Page: Hashable, Sendable {
    package enum Tone: Hashable, Sendable {
        case plain
        case good
        case doubtful
        case bad
    }

    package struct Cell: Hashable, Sendable {
        package let text: String
        package let tone: Tone

        package init(_ text: String, _ tone: Tone = .plain) {
            self.text = text
            self.tone = tone
        }
    }

    package struct Fact: Hashable, Sendable {
        package let label: String
        package let cell: Cell

        package init(_ label: String, _ text: String, _ tone: Tone = .plain) {
            self.label = label
            cell = Cell(text, tone)
        }
    }

    package enum Part: Hashable, Sendable {
        /// Two columns without a head.
        case facts([Fact])
        /// Nothing is shown of it while it has no rows.
        case table(head: [String], rows: [[Cell]])
        /// Sentences, each with a sign before it.
        case notes([Cell])
    }

    package let title: String
    /// Stands at the title's far end.
    package let aside: String
    package let parts: [Part]

    package init(title: String, aside: String, parts: [Part]) {
        self.title = title
        self.aside = aside
        self.parts = parts
    }
}

/// What somebody asked for about a pool.
package protocol Report: Sendable {
    /// For a person.
    var page: Page { get }
    /// For a program: one JSON object in one line.
    var json: String { get }
}
