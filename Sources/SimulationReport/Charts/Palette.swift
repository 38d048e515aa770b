import Simulation

/// Colours for light and dark: Okabe and Ito's, which people with any kind of colour blindness tell
/// apart, made lighter or darker where the ground asks for it.
enum Palette {
    static func kind(_ policy: PolicyKind) -> String { "c-" + policy.rawValue }

    /// - Parameter scope: what the variables belong to: `:root` in a page, `svg` in a picture.
    static func style(scope: String) -> String {
        """
        \(scope) { \(light) }
        @media (prefers-color-scheme: dark) { \(scope) { \(dark) } }
        text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
          fill: var(--ink); }
        .h { font-weight: 600; } .big { font-size: 19px; font-weight: 600; }
        .q { fill: var(--quiet); font-size: 12px; }
        .grid { stroke: var(--grid); stroke-width: 1; } .axis { stroke: var(--axis); }
        .ground { fill: var(--ground); } .area { fill: var(--area); }
        .track { fill: var(--track); }
        path, .mark { stroke-linejoin: round; } .l { fill: none; stroke-width: 2; }
        \(series)
        """ + "\n"
    }

    private static let light = """
        --ground: #ffffff; --ink: #1c2330; --quiet: #565f6e; --grid: #e3e7ed; --axis: #8a93a1; \
        --area: #b9c3d0; --track: #f1f3f6; --card: #f6f8fa; --ours: #0066b4; --spot-plans: #5b3fa8; \
        --counter: #c14a00; --poller: #a66a00; --run-count: #00795a; --fixed: #5d6673; --self-ending: #a83f81; \
        color-scheme: light dark;
        """
    private static let dark = """
        --ground: #11161d; --ink: #e6eaf0; --quiet: #a3adba; --grid: #2a323d; --axis: #6d7887; \
        --area: #465364; --track: #1a212b; --card: #182029; --ours: #5ab8f5; --spot-plans: #b39cf0; \
        --counter: #ff8a4c; --poller: #f0b73d; --run-count: #3fcf9f; --fixed: #a9b3c0; --self-ending: #e78cc4;
        """

    private static var series: String {
        var rules = ""
        let dashes = ["", "1 3", "", "7 3", "2 3", "10 3 2 3", "5 5"]
        for (index, policy) in PolicyKind.allCases.enumerated() {
            let name = policy.rawValue
            rules += ".\(kind(policy)) { fill: var(--\(name)); } "
            rules += ".l.\(kind(policy)) { fill: none; stroke: var(--\(name)); "
            rules += dashes[index].isEmpty ? "} " : "stroke-dasharray: \(dashes[index]); } "
            rules += ".solid.\(kind(policy)) { stroke-dasharray: none; }\n"
        }
        return rules
    }
}
