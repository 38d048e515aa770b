"""Lines of the programs' logs, held against what CloudWatch takes: its embedded metric format
(Amazon CloudWatch user guide, "Specification: Embedded metric format")."""

import json
import pathlib
import re

import jsonschema

UNITS = ["Count", "Seconds", "Milliseconds"]

# The specification's own schema, with what it says of limits in words.
SPECIFICATION = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"$ref": "#/$defs/directive"},
                },
            },
        }
    },
    "$defs": {
        "directive": {
            "type": "object",
            "required": ["Namespace", "Dimensions", "Metrics"],
            "properties": {
                "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                "Dimensions": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "array",
                        "maxItems": 30,
                        "items": {"type": "string", "minLength": 1, "maxLength": 250},
                    },
                },
                "Metrics": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 100,
                    "items": {
                        "type": "object",
                        "required": ["Name"],
                        "properties": {
                            "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Unit": {"enum": UNITS},
                            "StorageResolution": {"enum": [1, 60]},
                        },
                    },
                },
            },
        }
    },
}
CHECK = jsonschema.Draft202012Validator(SPECIFICATION)

# Container runtimes split longer lines.
LONGEST_LINE = 16_384
# Of each dimension: these are few by their nature, and nothing else may be one.
DIMENSIONS = {"cluster", "service", "reason_name", "status"}
MEMBERS = {"time", "level", "program", "event", "message"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def faults(line: str) -> list[str]:
    """What is wrong with a line that one of the programs wrote."""
    if len(line.encode()) > LONGEST_LINE:
        return ["it is longer than a container runtime passes on in one piece"]
    record = json.loads(line)
    if missing := MEMBERS - record.keys():
        return [f"{', '.join(sorted(missing))} is missing"]
    if not TIME.fullmatch(record["time"]):
        return [f"its time is {record['time']}"]
    if "_aws" not in record:
        return []
    found = [error.message for error in CHECK.iter_errors(record)]
    return found or target_faults(record)


def target_faults(record: dict) -> list[str]:
    """Dimensions and metrics are members of the line itself, of the type that each may have."""
    found = []
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for name in {name for names in directive["Dimensions"] for name in names}:
            value = record.get(name)
            if name not in DIMENSIONS:
                found.append(f"{name} is no dimension")
            if not isinstance(value, str) or not 1 <= len(value) <= 1024:
                found.append(f"the dimension {name} is {value!r}")
        for metric in directive["Metrics"]:
            value = record.get(metric["Name"])
            if isinstance(value, bool) or not isinstance(value, int | float):
                found.append(f"the metric {metric['Name']} is {value!r}")
    return found


def told(folder: pathlib.Path) -> list[str]:
    """The programs' own lines in the logs that a rehearsal kept."""
    lines = []
    for path in sorted(folder.glob("*.log")):
        text = path.read_text(errors="replace").splitlines()
        lines += [line for line in text if '"program":"' in line]
    return lines


def values(lines: list[str], metric: str) -> list[float]:
    """What was measured, in the order of the lines."""
    records = (json.loads(line) for line in lines)
    return [record[metric] for record in records if metric in record]
