"""CloudWatch, as far as alarms and dashboard need it: metrics out of log lines in its embedded
format, statistics of them, and what an alarm makes of these (Amazon CloudWatch user guide)."""

import collections
import json
import math
import re
from collections.abc import Callable, Iterable

# A metric: its namespace, name, and dimensions in the order of their names.
Key = tuple[str, str, tuple[tuple[str, str], ...]]


def key_of(namespace: str, name: str, dimensions: dict[str, str]) -> Key:
    return namespace, name, tuple(sorted(dimensions.items()))


def percentile(values: list[float], per_cent: float) -> float:
    return sorted(values)[max(0, math.ceil(len(values) * per_cent / 100) - 1)]


STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}


class Metrics:
    """What some log lines measured."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.values: dict[Key, list[tuple[float, float]]] = collections.defaultdict(list)
        for line in lines:
            # A launcher's and an agent's lines are no JSON.
            if line.startswith("{") and '"_aws"' in line:
                self.add(json.loads(line))

    def add(self, line: dict) -> None:
        seconds = line["_aws"]["Timestamp"] / 1000
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                assert all(isinstance(value, str) for value in dimensions.values()), dimensions
                for metric in directive["Metrics"]:
                    key = key_of(directive["Namespace"], metric["Name"], dimensions)
                    self.values[key].append((seconds, line[metric["Name"]]))

    def points(self, key: Key, statistic: str, period: int) -> dict[int, float]:
        """The statistic of each period in which there was something, by the period's number."""
        together: dict[int, list[float]] = collections.defaultdict(list)
        for seconds, value in self.values.get(key, []):
            together[int(seconds // period)].append(value)
        if statistic in STATISTICS:
            return {number: STATISTICS[statistic](some) for number, some in together.items()}
        per_cent = float(statistic.removeprefix("p"))
        return {number: percentile(some, per_cent) for number, some in together.items()}


def looks_at(alarm: dict) -> list[dict]:
    """The metrics of a planned alarm: its own, or those of its queries, which are added up."""
    queries = [query["metric"][0] for query in alarm.get("metric_query") or [] if query["metric"]]
    if not queries:
        return [{**alarm, "stat": alarm["statistic"]}]
    (formula,) = (query["expression"] for query in alarm["metric_query"] if not query["metric"])
    assert re.fullmatch(r"SUM\(METRICS\(\)\)", formula), formula
    return queries


def rings(alarm: dict, metrics: Metrics, seconds: float) -> bool:
    """Whether a planned alarm is in ALARM after the periods that have ended by then."""
    parts = looks_at(alarm)
    period = parts[0]["period"]
    points: dict[int, float] = {}
    for part in parts:
        key = key_of(part["namespace"], part["metric_name"], part["dimensions"])
        for number, value in metrics.points(key, part["stat"], period).items():
            points[number] = points.get(number, 0) + value
    last = int(seconds // period)
    breaching = 0
    for number in range(last - int(alarm["evaluation_periods"]), last):
        if number not in points:
            breaching += alarm["treat_missing_data"] == "breaching"
        elif alarm["comparison_operator"] == "LessThanThreshold":
            breaching += points[number] < alarm["threshold"]
        else:
            assert alarm["comparison_operator"] == "GreaterThanThreshold"
            breaching += points[number] > alarm["threshold"]
    return breaching >= alarm["datapoints_to_alarm"]
