/// A script as a file: a line for the stage, one for the safeguard that is switched off, if one is,
/// and one for each step. What follows `#` is for the reader.
extension Script {
    private static let title = "rehearsal script 1"

    /// - Parameter notes: what is said before the first line.
    package func text(_ notes: [String] = []) -> String {
        var lines = notes.map { "# " + $0 }
        lines.append(Self.title)
        lines.append("stage " + stage.words.map { "\($0)=\($1)" }.joined(separator: " "))
        if let broken { lines.append("break \(broken)") }
        lines += steps.map(\.description)
        return lines.joined(separator: "\n") + "\n"
    }

    package struct Fault: Error, Hashable, CustomStringConvertible {
        package let line: Int
        package let text: String
        package var description: String { "line \(line): \(text)" }
    }

    package init(text: String) throws(Fault) {
        var (stage, broken, steps): (Stage?, String?, [Step]) = (nil, nil, [])
        var hasTitle = false
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let plain = line.prefix { $0 != "#" }
            let words = plain.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first else { continue }
            let fault = { Fault(line: index + 1, text: $0) }
            if !hasTitle {
                guard words.joined(separator: " ") == Self.title else {
                    throw fault("expected \"\(Self.title)\"")
                }
                hasTitle = true
            } else if first == "stage", stage == nil {
                stage = try Stage(words.dropFirst(), fault)
            } else if first == "break", broken == nil, words.count == 2, steps.isEmpty {
                broken = words[1]
            } else if let step = Step(words), stage != nil {
                steps.append(step)
            } else {
                throw fault("\"\(words.joined(separator: " "))\" is no step")
            }
        }
        guard let stage else { throw Fault(line: lines.count, text: "it has no stage") }
        self.init(stage, broken: broken, steps: steps)
    }
}

extension Script.Stage {
    fileprivate var words: [(String, String)] {
        var words = [
            ("jobs", "\(jobs)"), ("floor", "\(floor)"), ("most", "\(most)"),
            ("mode", mode.rawValue),
            ("replacement", replacement.rawValue), ("protection", "\(protection)"),
            ("desired", "\(desired)"), ("size", size.map { "\($0)" } ?? "none"),
        ]
        if isEdited { words.append(("edited", "yes")) }
        if isQueued { words.append(("queued", "yes")) }
        if diesForGood { words.append(("restarts", "no")) }
        return words
    }

    fileprivate init(
        _ words: ArraySlice<String>,
        _ fault: (String) -> Script.Fault
    ) throws(Script.Fault) {
        self.init()
        for word in words {
            let pair = word.split(separator: "=").map(String.init)
            guard pair.count == 2, take(pair[0], pair[1]) else {
                throw fault("the stage knows no \"\(word)\"")
            }
        }
    }

    /// Small ones only: nothing else is explored.
    private static let counts = 0...100

    private mutating func take(_ key: String, _ value: String) -> Bool {
        let count = Int(value).flatMap { Self.counts.contains($0) ? $0 : nil }
        switch (key, value) {
        case ("mode", _):
            guard let known = Mode(rawValue: value) else { return false }
            mode = known
        case ("replacement", _):
            guard let known = Replacement(rawValue: value) else { return false }
            replacement = known
        case ("size", "none"): size = nil
        case ("edited", "yes"): isEdited = true
        case ("queued", "yes"): isQueued = true
        case ("restarts", "no"): diesForGood = true
        default:
            guard let count else { return false }
            switch key {
            case "jobs": jobs = count
            case "floor": floor = count
            case "most": most = count
            case "protection": protection = count
            case "desired": desired = count
            case "size": size = count
            default: return false
            }
        }
        return true
    }
}

extension Script.Actor: CustomStringConvertible {
    package var description: String {
        switch self {
        case .task(let number): "task-\(number)"
        case .job(let number): "job-\(number)"
        case .sweep: "the-sweep"
        }
    }

    fileprivate init?(_ word: String) {
        let parts = word.split(separator: "-")
        guard parts.count == 2 else { return nil }
        switch (parts[0], Int(parts[1])) {
        case ("task", let number?) where number > 0: self = .task(number)
        case ("job", let number?) where number > 0: self = .job(number)
        default:
            guard word == Self.sweep.description else { return nil }
            self = .sweep
        }
    }
}

extension Script.Step: CustomStringConvertible {
    package var description: String {
        var words = [act.rawValue]
        if let who { words.append("\(who)") }
        if fate != .answered { words.append(fate.rawValue) }
        words += numbers.map { "\($0)" }
        return words.joined(separator: " ")
    }

    fileprivate init?(_ words: [String]) {
        var rest = words[...]
        guard let act = rest.popFirst().flatMap(Script.Act.init(rawValue:)) else { return nil }
        let who = rest.first.flatMap(Script.Actor.init)
        if who != nil { rest.removeFirst() }
        let fate = rest.first.flatMap(Script.Fate.init(rawValue:))
        if fate != nil { rest.removeFirst() }
        let numbers = rest.compactMap { Int($0) }
        guard numbers.count == rest.count, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        self.init(act, who, fate ?? .answered, numbers)
    }
}
