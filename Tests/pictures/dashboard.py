"""Draws the module's dashboard with what log lines measured, as CloudWatch would.

    .venv/bin/python Tests/pictures/dashboard.py FILE... > Tests/pictures/dashboard.svg

Each file has lines of sidecars and endpoint, such as those that `rehearsal play --keep` leaves. The
page is the module's own JSON, planned here; Tests/deployment/cloudwatch.py counts the metrics.
"""

import json
import pathlib
import re
import sys
from html import escape

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "deployment"))

import cloudwatch
import planning

COLUMN, ROW, MARGIN, GAP = 40, 34, 16, 8
COLOURS = ["#0066b4", "#c14a00", "#00795a", "#a66a00", "#a83f81", "#5d6673", "#7a5cc0", "#8a1f2d"]
STYLE = """
svg { --ground: #ffffff; --ink: #1c2330; --quiet: #565f6e; --grid: #e3e7ed; --card: #f6f8fa;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { svg { --ground: #11161d; --ink: #e6eaf0; --quiet: #a3adba;
  --grid: #2a323d; --card: #182029; } }
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  fill: var(--ink); }
.heading { font-size: 17px; font-weight: 600; } .title { font-weight: 600; }
.quiet { fill: var(--quiet); font-size: 11px; } .figure { font-size: 24px; font-weight: 600; }
.ground { fill: var(--ground); } .card { fill: var(--card); } .grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
"""


class Series:
    """One line of a widget: its label, and its value by period."""

    def __init__(self, label: str, points: dict[int, float]) -> None:
        self.label = label
        self.points = points


class Drawing:
    def __init__(self, lines: list[str], alarms: dict[str, dict]) -> None:
        self.lines = [json.loads(line) for line in lines if line.startswith("{")]
        self.metrics = metrics = cloudwatch.Metrics(lines)
        self.alarms = alarms
        moments = [seconds for some in metrics.values.values() for seconds, _ in some]
        self.first, self.last = min(moments), max(moments)
        self.out: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        self.out.append(
            f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    # What a widget's metrics come to.

    def series(self, properties: dict) -> list[Series]:
        named: dict[str, dict[int, float]] = {}
        found: list[Series] = []
        for entry in properties["metrics"]:
            options = entry[-1] if isinstance(entry[-1], dict) else {}
            # A rehearsal is over in a minute: what is summed up by the hour is cut finer here.
            period = self.period(properties)
            if "expression" in options:
                for label, points in self.expression(options, named, period):
                    named[options["id"]] = points
                    found.append(Series(label, points))
                continue
            words = [part for part in entry if isinstance(part, str)]
            key = cloudwatch.key_of(
                words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))
            )
            statistic = options.get("stat", properties.get("stat"))
            points = self.metrics.points(key, statistic, period)
            if "id" in options:
                named[options["id"]] = points
            if options.get("visible", True):
                found.append(Series(options["label"], points))
        return found

    def period(self, properties: dict) -> int:
        whole = max(1, int(self.last - self.first) + 1)
        if properties["view"] == "singleValue":
            return 2 * whole + int(self.first)
        return max(1, min(properties["period"], whole // 24))

    def expression(self, options: dict, named: dict, period: int):
        text = options["expression"]
        if text.startswith("SEARCH("):
            metric = re.search(r'MetricName="(\w+)"', text)[1]
            own = re.search(r"\{[^,]+,cluster,(\w+),service\}", text)[1]
            for key in sorted(self.metrics.values):
                if key[1] == metric and own in dict(key[2]):
                    yield dict(key[2])[own], self.metrics.points(key, "Sum", period)
            return
        points: dict[int, float] = {}
        for number in sorted({n for some in named.values() for n in some}):
            values = {name: some.get(number, 0.0) for name, some in named.items()}
            try:
                # The module's own formulae: names, numbers, SUM of a list, and four operations.
                points[number] = eval(text, {"__builtins__": {}, "SUM": sum}, values)
            except ZeroDivisionError:
                continue
        yield options["label"], points

    # How it looks.

    def widget(self, widget: dict) -> None:
        x, y = MARGIN + widget["x"] * COLUMN, MARGIN + widget["y"] * ROW
        width, height = widget["width"] * COLUMN - GAP, widget["height"] * ROW - GAP
        properties = widget["properties"]
        if widget["type"] == "text" and widget["height"] == 1:
            question = properties["markdown"].removeprefix("## ").partition("?")[0]
            self.text(x, y + 22, f"{question}?", "heading")
            return
        self.out.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" class="card"/>'
        )
        self.text(x + 12, y + 20, properties.get("title", ""), "title")
        inner = (x + 12, y + 30, width - 24, height - 42)
        if widget["type"] == "alarm":
            self.alarm_list(*inner)
        elif widget["type"] == "custom":
            self.text(x + 12, y + 44, "drawn by the function, when somebody looks", "quiet")
        elif widget["type"] == "log":
            self.warnings(*inner)
        elif properties["view"] == "singleValue":
            self.figures(self.series(properties), *inner)
        else:
            self.chart(self.series(properties), properties.get("stacked", False), *inner)

    def alarm_list(self, x: float, y: float, width: float, height: float) -> None:
        columns = 2
        rows = -(-len(self.alarms) // columns)
        for index, (name, alarm) in enumerate(sorted(self.alarms.items())):
            left = x + (index // rows) * width / columns
            top = y + 8 + (index % rows) * height / rows
            looked_at = cloudwatch.looks_at(alarm)[0]
            window = looked_at["period"] * alarm["evaluation_periods"]
            # What AWS measures is in no log line, and an alarm on silence wants its whole time.
            known = looked_at["namespace"] == "TerraformAgents" and (
                alarm["treat_missing_data"] != "breaching" or self.last - self.first > window
            )
            alarmed = known and cloudwatch.rings(alarm, self.metrics, self.last + 1)
            colour = "#c02a2a" if alarmed else "#2e8b57" if known else "#8a93a1"
            self.out.append(f'<circle cx="{left + 4:.0f}" cy="{top:.0f}" r="4" fill="{colour}"/>')
            self.text(left + 14, top + 4, name)

    def warnings(self, x: float, y: float, width: float, height: float) -> None:
        """The query's answer: warnings and errors by level, event and reason."""
        counted: dict[tuple[str, ...], list] = {}
        for line in self.lines:
            if line.get("level") in ("warning", "error"):
                key = (line["level"], line.get("event", ""), line.get("reason_name", ""))
                counted.setdefault(key, [0, ""])[0] += 1
                counted[key][1] = line["message"]
        rows = sorted(counted.items(), key=lambda row: (row[0][0], -row[1][0]))
        table = [("level", "event", "reason_name", "lines", "says")]
        table += [(*key, str(count), says) for key, (count, says) in rows]
        for index, row in enumerate(table[: int(height / 18)]):
            for left, words in zip((0, 60, 240, 390, 430), row, strict=True):
                kind = "quiet" if index == 0 else ""
                self.text(x + left, y + 12 + 18 * index, words[:70], kind)

    def figures(self, found: list[Series], x: float, y: float, width: float, height: float) -> None:
        for index, series in enumerate(found):
            value = sum(series.points.values())
            top = y + 34 + index * height / len(found)
            self.text(x, top, f"{value:,.4f}".rstrip("0").rstrip("."), "figure")
            self.text(x, top + 18, series.label, "quiet")

    def chart(
        self, found: list[Series], stacked: bool, x: float, y: float, width: float, height: float
    ) -> None:
        # Room for the topmost number.
        y, height = y + 8, height - 8
        legend = 16 * -(-len(found) // 3) + 4 if found else 0
        plot = height - legend - 12
        numbers = sorted({n for series in found for n in series.points})
        if not numbers:
            self.text(x, y + plot / 2, "no data", "quiet")
            return
        span = max(numbers[-1] - numbers[0], 1)
        base = dict.fromkeys(numbers, 0.0)
        tops = []
        for series in found:
            if stacked:
                base = {n: base[n] + series.points.get(n, 0) for n in numbers}
                tops.append(dict(base))
            else:
                tops.append(series.points)
        highest = max((v for some in tops for v in some.values()), default=0) or 1
        for part in (0, 0.5, 1):
            level = y + plot * (1 - part)
            self.out.append(
                f'<line x1="{x}" x2="{x + width}" y1="{level:.0f}" y2="{level:.0f}" class="grid"/>'
            )
            self.text(x + width, level - 3, f"{highest * part:,.3g}", "quiet", "end")

        def place(number: int, value: float) -> str:
            across = x + width * (number - numbers[0]) / span
            return f"{across:.1f} {y + plot * (1 - value / highest):.1f}"

        # The last one first: what is stacked below covers it.
        for index in reversed(range(len(found))):
            colour, points = COLOURS[index % len(COLOURS)], tops[index]
            path = " L".join(place(n, points[n]) for n in sorted(points))
            if not path:
                continue
            if stacked:
                ends = sorted(points)
                shape = f"M{place(ends[0], 0)} L{path} L{place(ends[-1], 0)} Z"
                self.out.append(f'<path d="{shape}" fill="{colour}" stroke="{colour}"/>')
            else:
                self.out.append(f'<path d="M{path}" class="line" stroke="{colour}"/>')
        for index, series in enumerate(found):
            left = x + (index % 3) * width / 3
            top = y + height - legend + 16 * (index // 3) + 12
            colour = COLOURS[index % len(COLOURS)]
            self.out.append(
                f'<rect x="{left:.0f}" y="{top - 8:.0f}" width="8" height="8" fill="{colour}"/>'
            )
            self.text(left + 13, top, series.label, "quiet")


def of_the_module(text: str) -> str:
    """A line as the pool that is planned here would have written it."""
    if not text.startswith("{"):
        return text
    line = json.loads(text)
    for name, value in (("cluster", "tfc"), ("service", "tfc-agents")):
        if name in line:
            line[name] = value
    return json.dumps(line)


def main() -> int:
    files = [pathlib.Path(name).read_text() for name in sys.argv[1:]]
    lines = [of_the_module(line) for text in files for line in text.splitlines()]
    plan = planning.plan({"alarms": {}, "dashboard": True})
    alarms = plan.of("aws_cloudwatch_metric_alarm")
    named = {re.search(r'"([a-z-]+)"', address)[1]: values for address, values in alarms.items()}
    (values,) = plan.of("aws_cloudwatch_dashboard").values()
    widgets = json.loads(values["dashboard_body"])["widgets"]
    drawing = Drawing(lines, named)
    for widget in widgets:
        drawing.widget(widget)
    width = 24 * COLUMN + 2 * MARGIN
    height = max(w["y"] + w["height"] for w in widgets) * ROW + 2 * MARGIN
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="The pool on a dashboard">'
        f"<style>{STYLE}</style>"
        f'<rect width="{width}" height="{height}" class="ground"/>'
    )
    print("\n".join(drawing.out))
    print("</svg>")
    return 0


if __name__ == "__main__":
    sys.exit(main())
