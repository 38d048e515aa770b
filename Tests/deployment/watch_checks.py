"""Alarms and dashboard: off by default, of metrics that the programs write, with what to do."""

import functools
import json
import re

import boto3
import botocore.session
import botocore.validate
import cloudwatch
import moto
import planning
from checks import check
from company_checks import function
from planning import AS_SERVICE

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
EVERYTHING = {"alarms": {"topic_arns": [TOPIC], "no_calls_hours": 12}, "dashboard": True}
OF_THE_SERVICE = {"cluster": "tfc", "service": "tfc-agents"}
QUESTIONS = ["Is anything wrong?", "Who waits?", "What runs?", "What did it cost?"]


@functools.cache
def watched(endpoint: str) -> planning.Plan:
    return planning.plan(EVERYTHING | (AS_SERVICE if endpoint == "service" else {}))


def metrics_of(values: dict) -> list[dict]:
    """What an alarm looks at."""
    queries = [q["metric"][0] for q in values.get("metric_query") or [] if q["metric"]]
    return [
        {"namespace": m["namespace"], "name": m["metric_name"], "dimensions": m["dimensions"]}
        for m in (queries or [values])
    ]


def alarms(plan: planning.Plan) -> dict[str, dict]:
    found = plan.of("aws_cloudwatch_metric_alarm")
    return {re.search(r'"([a-z-]+)"', address)[1]: values for address, values in found.items()}


def widgets(plan: planning.Plan) -> list[dict]:
    (values,) = plan.of("aws_cloudwatch_dashboard").values()
    return json.loads(values["dashboard_body"])["widgets"]


def vocabulary() -> dict[str, str | None]:
    """The metrics that the programs write, each with the dimension beside the service, if any."""
    text = (planning.ROOT / "Sources/Telemetry/Metric.swift").read_text()
    names = dict(re.findall(r'case (\w+) = "(\w+)"', text[: text.index("enum Unit")]))
    fields = (planning.ROOT / "Sources/Telemetry/LogField.swift").read_text()
    named = dict(re.findall(r'case (\w+) = "(\w+)"', fields))
    body = text[text.index("var dimension: LogField?") :]
    found: dict[str, str | None] = {}
    for cases, field in re.findall(r"case ((?:\.\w+,?\s*)+):\s*(nil|\.\w+)", body):
        for case in re.findall(r"\.(\w+)", cases):
            found[names[case]] = None if field == "nil" else named.get(field[1:], field[1:])
    assert set(found) == set(names.values()) and len(found) > 20, found
    return found


@check("without alarms and dashboard there is neither, and nobody writes a metric that is paid for")
def nothing_by_default() -> None:
    for inputs, expected in (
        ({}, "off"),
        ({"metrics": True}, "on"),
        ({"alarms": {}}, "on"),
        ({"dashboard": True}, "on"),
    ):
        plan = planning.plan(inputs) if inputs else planning.variant("the least")
        sidecar = {p["name"]: p["value"] for p in plan.containers["agent-sidecar"]["environment"]}
        assert sidecar["METRICS"] == function(plan)["METRICS"] == expected, inputs
        assert bool(alarms(plan)) == ("alarms" in inputs)
        assert bool(plan.of("aws_cloudwatch_dashboard")) == ("dashboard" in inputs)


@check("each alarm tells the topics, and says what to do and in which chapter there is more")
def told() -> None:
    page = (planning.MODULE / "OPERATING.md").read_text()
    explained = set(re.findall(r"^### Alarm ([a-z-]+)$", page, re.MULTILINE))
    made = set()
    for endpoint in ("lambda", "service"):
        for name, values in alarms(watched(endpoint)).items():
            made.add(name)
            assert values["alarm_name"] == f"tfc-{name}"
            assert values["alarm_actions"] == values["ok_actions"] == [TOPIC]
            text = values["alarm_description"]
            does, _, anchor = text.partition(" See ecs-task-def/OPERATING.md#")
            # As GitHub makes it of the heading.
            assert anchor == f"alarm-{name}", text
            assert len(does) > 60 and len(text) <= 1024
    assert made == explained, made ^ explained
    text = (planning.MODULE / "variables.tf").read_text()
    named = re.search(r"alarms\.except, \[\]\) : contains\(\[(.+?)\]", text, re.S)[1]
    assert set(re.findall(r'"([a-z-]+)"', named)) == made
    # And those that are not wanted are not made.
    some = planning.plan({"alarms": {"except": ["at-max", "endpoint-throttled"]}})
    lambdas = set(alarms(watched("lambda")))
    assert set(alarms(some)) == lambdas - {"at-max", "endpoint-throttled", "no-calls"}


@check("an alarm rings at what is asked for, and silence rings where there must be something")
def thresholds() -> None:
    asked = {
        "run_waits_seconds": 600,
        "service_away_minutes": 20,
        "agents_exposed_minutes": 7,
        "at_max_minutes": 30,
    }
    found = alarms(planning.plan({"alarms": asked}))
    assert found["run-waits"]["threshold"] == 600
    for name, minutes in (("service-away", 20), ("agents-exposed", 7), ("at-max", 30)):
        values = found[name]
        assert (values["period"], values["datapoints_to_alarm"]) == (60, minutes), name
        # One that is missing does not begin it anew.
        assert values["evaluation_periods"] == minutes + 1, name
    for endpoint in ("lambda", "service"):
        for name, values in alarms(watched(endpoint)).items():
            low = values["comparison_operator"] == "LessThanThreshold"
            assert low == (name in ("no-calls", "no-sweep", "endpoint-away")), name
            assert values["treat_missing_data"] == ("breaching" if low else "notBreaching"), name
            assert values["datapoints_to_alarm"] <= values["evaluation_periods"]
            # CloudWatch looks back no longer than a day.
            period = values["period"] or values["metric_query"][0]["metric"][0]["period"]
            assert period * values["evaluation_periods"] <= 86_400


@check("what alarms and dashboard look at is what the programs write, or AWS does")
def written() -> None:
    known = vocabulary()
    of_aws = {
        "AWS/Lambda": {"Errors", "Throttles"},
        "AWS/Logs": {"EMFParsingErrors", "EMFValidationErrors"},
        "AWS/ApplicationELB": {"HTTPCode_ELB_5XX_Count", "HealthyHostCount"},
    }
    source = (planning.ROOT / "Sources/Telemetry/EmbeddedMetrics.swift").read_text()
    assert '"TerraformAgents"' in source
    used = set()
    for endpoint in ("lambda", "service"):
        plan = watched(endpoint)
        for name, values in alarms(plan).items():
            for metric in metrics_of(values):
                if metric["namespace"] in of_aws:
                    assert metric["name"] in of_aws[metric["namespace"]], name
                else:
                    assert metric["namespace"] == "TerraformAgents", name
                    more = metric["dimensions"].items() - OF_THE_SERVICE.items()
                    assert OF_THE_SERVICE.items() <= metric["dimensions"].items(), name
                    assert {key for key, _ in more} <= {known[metric["name"]]}, name
                    used.add(metric["name"])
        for widget in widgets(plan):
            for metric in widget["properties"].get("metrics", []):
                if isinstance(metric[0], str):
                    assert metric[0] == "TerraformAgents"
                    pairs = [part for part in metric[2:] if isinstance(part, str)]
                    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == OF_THE_SERVICE
                    used.add(metric[1])
                elif (text := metric[0]["expression"]).startswith("SEARCH"):
                    name = re.search(r'MetricName="(\w+)"', text)[1]
                    dimension = re.search(r"\{TerraformAgents,cluster,(\w+),service\}", text)[1]
                    assert known[name] == dimension, f"{name} is not told apart by {dimension}"
    assert used <= set(known), f"nobody writes {sorted(used - set(known))}"


def line(at: float, metric: str, value: float, dimensions: dict[str, str]) -> str:
    """As the programs write one."""
    directive = {
        "Namespace": "TerraformAgents",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": metric, "Unit": "Count"}],
    }
    named = {"Timestamp": at * 1000, "CloudWatchMetrics": [directive]}
    return json.dumps({"level": "info", **dimensions, metric: value, "_aws": named})


@check("each alarm rings when it has been as bad for as long as it says, and not a minute before")
def rings() -> None:
    now = 1_800_000_000
    for name, alarm in alarms(watched("lambda")).items():
        parts = cloudwatch.looks_at(alarm)
        if parts[0]["namespace"] != "TerraformAgents":
            continue
        period, needed = parts[0]["period"], int(alarm["datapoints_to_alarm"])
        low = alarm["comparison_operator"] == "LessThanThreshold"
        good, bad = (1, 0) if low else (alarm["threshold"], alarm["threshold"] + 1)
        for part in parts:
            for periods, rings_then in ((0, False), (needed - 1, False), (needed, True)):
                lines = [
                    line(
                        now - period * (ago + 0.5),
                        part["metric_name"],
                        bad if ago < periods else good,
                        part["dimensions"],
                    )
                    for ago in range(int(alarm["evaluation_periods"]))
                ]
                found = cloudwatch.rings(alarm, cloudwatch.Metrics(lines), now)
                assert found == rings_then, f"{name}: {part['metric_name']} in {periods} periods"
        # A service at rest writes its sweeps and nothing else; no service, nothing at all.
        assert cloudwatch.rings(alarm, cloudwatch.Metrics([]), now) == low, name


@check("CloudWatch's own model, and one that we did not write, take every alarm and the dashboard")
def taken() -> None:
    model = botocore.session.get_session().get_service_model("cloudwatch")
    shape = model.operation_model("PutMetricAlarm").input_shape
    statistics = set(model.shape_for("Statistic").enum)
    with moto.mock_aws():
        client = boto3.client("cloudwatch", region_name="eu-central-1")
        for endpoint in ("lambda", "service"):
            plan = watched(endpoint)
            for values in alarms(plan).values():
                call = alarm_call(values)
                report = botocore.validate.ParamValidator().validate(call, shape)
                assert not report.has_errors(), report.generate_report()
                stats = {call.get("Statistic")} | {
                    query["MetricStat"]["Stat"]
                    for query in call.get("Metrics", [])
                    if "MetricStat" in query
                }
                assert stats - {None} <= statistics, stats
                client.put_metric_alarm(**call)
            (values,) = plan.of("aws_cloudwatch_dashboard").values()
            client.put_dashboard(
                DashboardName=values["dashboard_name"], DashboardBody=values["dashboard_body"]
            )
        found = client.describe_alarms(MaxRecords=100)["MetricAlarms"]
    assert {alarm["AlarmName"] for alarm in found} == {
        f"tfc-{name}" for endpoint in ("lambda", "service") for name in alarms(watched(endpoint))
    }


def alarm_call(values: dict) -> dict:
    """As the provider calls PutMetricAlarm."""
    call = {
        "AlarmName": values["alarm_name"],
        "AlarmDescription": values["alarm_description"],
        "AlarmActions": values["alarm_actions"],
        "OKActions": values["ok_actions"],
        "ComparisonOperator": values["comparison_operator"],
        "Threshold": values["threshold"],
        "DatapointsToAlarm": values["datapoints_to_alarm"],
        "EvaluationPeriods": values["evaluation_periods"],
        "TreatMissingData": values["treat_missing_data"],
    }

    def dimensions(named: dict) -> list[dict]:
        # Those of a load balancer are known when it is made.
        return [{"Name": name, "Value": value or "later"} for name, value in named.items()]

    if values["metric_name"]:
        return call | {
            "Namespace": values["namespace"],
            "MetricName": values["metric_name"],
            "Dimensions": dimensions(values["dimensions"] or dict.fromkeys(["LoadBalancer"])),
            "Statistic": values["statistic"],
            "Period": values["period"],
        }
    queries = []
    for query in values["metric_query"]:
        if query["metric"]:
            (metric,) = query["metric"]
            queries.append(
                {
                    "Id": query["id"],
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": metric["namespace"],
                            "MetricName": metric["metric_name"],
                            "Dimensions": dimensions(metric["dimensions"]),
                        },
                        "Stat": metric["stat"],
                        "Period": metric["period"],
                    },
                }
            )
        else:
            assert query["return_data"] is True
            queries.append(
                {
                    "Id": query["id"],
                    "Expression": query["expression"],
                    "Label": query["label"],
                    "ReturnData": True,
                }
            )
    return call | {"Metrics": queries}


# Dashboard body structure and syntax, Amazon CloudWatch API reference.
PROPERTIES = {
    "alarm": {"title", "alarms"},
    "custom": {"title", "endpoint", "params", "updateOn"},
    "log": {"title", "view", "query", "region"},
    "metric": {"title", "stat", "period", "view", "stacked", "sparkline", "metrics", "region"},
    "text": {"markdown", "background"},
}


@check("the dashboard asks its four questions in their order, and its widgets fill the page")
def dashboard() -> None:
    for endpoint in ("lambda", "service"):
        plan = watched(endpoint)
        found = widgets(plan)
        taken: set[tuple[int, int]] = set()
        for widget in found:
            assert set(widget["properties"]) <= PROPERTIES[widget["type"]], widget
            cells = {
                (x, y)
                for x in range(widget["x"], widget["x"] + widget["width"])
                for y in range(widget["y"], widget["y"] + widget["height"])
            }
            assert not cells & taken and max(x for x, _ in cells) < 24, widget
            taken |= cells
        assert len(taken) == 24 * (1 + max(y for _, y in taken)), "the page has holes"
        headings = [
            re.match(r"## ([^?]+\?)", w["properties"]["markdown"])[1]
            for w in sorted(found, key=lambda w: w["y"])
            if w["type"] == "text"
        ]
        assert headings == QUESTIONS
        asked = [w["properties"]["endpoint"] for w in found if w["type"] == "custom"]
        function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:tfc-scale-up"
        assert asked == ([function_arn] if endpoint == "lambda" else [])
        (shown,) = (w["properties"]["alarms"] for w in found if w["type"] == "alarm")
        account = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm"
        assert set(shown) == {f"{account}:tfc-{name}" for name in alarms(plan)}
    # Without alarms it says so in their place.
    (text, *_) = (
        w
        for w in widgets(planning.plan({"dashboard": True}))
        if w["type"] == "text" and w["height"] > 1
    )
    assert "`alarms`" in text["properties"]["markdown"]


@check("the module's page says what alarms and metrics cost, by their number")
def cost() -> None:
    page = planning.README.read_text()
    looked_at = [m for values in alarms(watched("lambda")).values() for m in metrics_of(values)]
    assert f"about ${len(looked_at) * 0.10:.2f}, 10 cents for each" in page, len(looked_at)
    known = vocabulary()
    assert f"up to about ${len(known) * 0.30:.0f}: 30 cents for each of {len(known)}," in page, len(
        known
    )
