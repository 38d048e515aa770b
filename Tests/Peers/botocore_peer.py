"""Answers AWS JSON calls that botocore finds right: the signature by its signer, the target, the
content type and the input by its service models. Anything else gets a 400 that says what is wrong.
GET /endpoints says where botocore would send the calls of each service, in every region it knows.

Prints one JSON line with the port once it listens, and ends when its standard input closes.
"""

import http.server
import itertools
import json
import sys
import threading
import urllib.parse

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.endpoint_provider import EndpointProvider
from botocore.serialize import QuerySerializer
from botocore.validate import ParamValidator

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "to/ke+n=="

SESSION = botocore.session.get_session()
MODELS = {
    model.metadata["targetPrefix"]: model
    for model in map(
        SESSION.get_service_model,
        [
            "ecs",
            "dynamodb",
            "ssm",
            "ecr",
            "logs",
            "cloudwatch",
            "service-quotas",
            "resourcegroupstaggingapi",
        ],
    )
}
SERVICE = {
    "serviceName": "pool",
    "status": "ACTIVE",
    "desiredCount": 3,
    "runningCount": 2,
    "pendingCount": 1,
    "taskDefinition": "arn:td:1",
    "deployments": [
        {"id": "ecs-svc/1", "status": "ACTIVE", "taskDefinition": "arn:td:1", "runningCount": 2},
        {
            "id": "ecs-svc/2",
            "status": "PRIMARY",
            "taskDefinition": "arn:td:2",
            "pendingCount": 1,
            "failedTasks": 3,
            "rolloutState": "IN_PROGRESS",
        },
    ],
    "events": [{"id": "e", "message": "(service pool) has reached a steady state."}],
}
ANSWERS = {
    "UpdateService": {"service": SERVICE},
    "DescribeServices": {"services": [SERVICE], "failures": []},
    "DescribeTasks": {
        "tasks": [
            {
                "taskArn": "arn:aws:ecs:eu-central-1:1:task/agents/one",
                "lastStatus": "RUNNING",
                "startedBy": "ecs-svc/1",
                "containers": [{"name": "tfc-agent", "exitCode": 0}],
            },
        ],
        "failures": [],
    },
    "ListTasks": {"taskArns": ["arn:aws:ecs:eu-central-1:1:task/agents/one"]},
    "DescribeTaskDefinition": {
        "taskDefinition": {"family": "f", "containerDefinitions": [{"name": "tfc-agent"}]},
    },
    "GetTaskProtection": {
        "protectedTasks": [{"taskArn": "a/one", "protectionEnabled": True}],
        "failures": [],
    },
    "UpdateTaskProtection": {"protectedTasks": [], "failures": [{"reason": "MISSING"}]},
    "GetParameter": {"Parameter": {"Name": "n", "Value": "v"}},
    "DescribeParameters": {"Parameters": [{"Name": "n", "Type": "SecureString"}]},
    "DescribeImages": {"imageDetails": [{"imageDigest": "sha256:0"}]},
    "DescribeLogGroups": {
        "logGroups": [
            {"logGroupName": "/ecs/pool", "logGroupArn": "arn:aws:logs:eu-central-1:1:log-group:p"}
        ]
    },
    "ListTagsForResource": {"tags": {"rehearsal-prove": "mark"}},
    "FilterLogEvents": {"events": [{"message": "one"}, {"message": "two"}]},
    "DescribeClusters": {
        "clusters": [
            {
                "clusterName": "proof",
                "status": "ACTIVE",
                "tags": [{"key": "rehearsal-prove", "value": "mark"}],
            },
        ],
        "failures": [],
    },
    "StopTask": {"task": {"taskArn": "arn:aws:ecs:eu-central-1:1:task/agents/one"}},
    "ListTaskDefinitions": {
        "taskDefinitionArns": [
            f"arn:aws:ecs:eu-central-1:1:task-definition/{name}:1" for name in ("f", "f-other")
        ],
    },
    "DeregisterTaskDefinition": {"taskDefinition": {"family": "f", "revision": 1}},
    "DeleteTaskDefinitions": {"taskDefinitions": [], "failures": []},
    "GetResources": {
        "ResourceTagMappingList": [{"ResourceARN": "arn:aws:ecs:eu-central-1:1:cluster/proof"}],
        "PaginationToken": "",
    },
    "ListTagsOfResource": {"Tags": [{"Key": "rehearsal-prove", "Value": "mark"}]},
    "GetServiceQuota": {"Quota": {"Value": 20.0}},
    "DescribeAlarms": {
        "MetricAlarms": [{"AlarmName": "a", "ActionsEnabled": False, "StateValue": "ALARM"}],
        "CompositeAlarms": [{"AlarmName": "b"}],
    },
    "DescribeTable": {
        "Table": {
            "TableStatus": "ACTIVE",
            "DeletionProtectionEnabled": True,
            "TableArn": "arn:aws:dynamodb:eu-central-1:1:table/ledger",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        },
    },
    "DescribeTimeToLive": {"TimeToLiveDescription": {"AttributeName": "expires"}},
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "GetItem": {},
    "PutItem": {},
    "UpdateItem": {"Attributes": {"format": {"N": "1"}, "version": {"N": "1"}, "size": {"N": "4"}}},
    "DeleteItem": {},
    "TransactWriteItems": {},
}


def check(shape, value):
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())


def check_signature(headers, path, body, service):
    fields = dict(
        word.split("=", 1) for word in headers["Authorization"].replace(",", " ").split()[1:]
    )
    _, _, region, signed_service, _ = fields["Credential"].split("/")
    if signed_service != service:
        raise ValueError("signed for " + signed_service)
    signed = fields["SignedHeaders"].split(";")
    missing = {name.lower() for name in headers if name.lower().startswith("x-amz-")} - set(signed)
    if missing:
        raise ValueError("not signed: %s" % missing)
    request = AWSRequest(
        method="POST",
        url="http://" + headers["Host"] + path,
        data=body,
        headers={name: headers[name] for name in signed},
    )
    request.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(KEY, SECRET, TOKEN), service, region)
    if headers["X-Amz-Security-Token"] != TOKEN:
        raise ValueError("wrong session token")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    if auth.signature(text, request) != fields["Signature"]:
        raise ValueError("wrong signature")


def simulated(body):
    """A call of IAM, which has a form as botocore would have written it."""
    fields = dict(urllib.parse.parse_qsl(body, strict_parsing=True))
    operation = SESSION.get_service_model("iam").operation_model(fields["Action"])

    def several(prefix):
        numbered = (f"{prefix}.member.{number}" for number in itertools.count(1))
        return itertools.takewhile(lambda n: any(f.startswith(n) for f in fields), numbered)

    call = {
        "PolicySourceArn": fields["PolicySourceArn"],
        "ActionNames": [fields[name] for name in several("ActionNames")],
        "ResourceArns": [fields[name] for name in several("ResourceArns")],
        "ContextEntries": [
            {
                "ContextKeyName": fields[entry + ".ContextKeyName"],
                "ContextKeyType": fields[entry + ".ContextKeyType"],
                "ContextKeyValues": [fields[v] for v in several(entry + ".ContextKeyValues")],
            }
            for entry in several("ContextEntries")
        ],
    }
    check(operation.input_shape, call)
    written = QuerySerializer().serialize_to_request(call, operation)["body"]
    if written != fields:
        raise ValueError(f"{fields} is not {written}")
    allowed = "public" not in fields["ResourceArns.member.1"]
    decision = "allowed" if allowed else "implicitDeny"
    return (
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>"
        f"<member><EvalActionName>a</EvalActionName><EvalDecision>{decision}</EvalDecision>"
        "</member></EvaluationResults></SimulatePrincipalPolicyResult>"
        "</SimulatePrincipalPolicyResponse>"
    )


def endpoints():
    """By its own rules, from the same data as its clients."""
    loader = SESSION.get_component("data_loader")
    partitions = loader.load_data("partitions")
    regions = [
        region
        for partition in partitions["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ]
    rows = []
    for service in ["ecs", "dynamodb", "ssm"]:
        rules = loader.load_service_model(service, "endpoint-rule-set-1")
        provider = EndpointProvider(rules, partitions)
        for region, fips, dual_stack in itertools.product(regions, [False, True], [False, True]):
            endpoint = provider.resolve_endpoint(
                Region=region, UseFIPS=fips, UseDualStack=dual_stack
            )
            rows.append(
                {
                    "service": service,
                    "region": region,
                    "fips": fips,
                    "dualStack": dual_stack,
                    "url": endpoint.url,
                }
            )
    return rows


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.headers["Content-Type"] == "application/x-www-form-urlencoded":
                check_signature(self.headers, self.path, body, "iam")
                return self.answer(200, simulated(body.decode()))
            prefix, operation = self.headers["X-Amz-Target"].split(".")
            model = MODELS[prefix]
            kind = "application/x-amz-json-" + model.metadata["jsonVersion"]
            if self.headers["Content-Type"] != kind:
                raise ValueError("content type is not " + kind)
            check_signature(self.headers, self.path, body, model.signing_name)
            check(model.operation_model(operation).input_shape, json.loads(body))
            answer = ANSWERS[operation]
            check(model.operation_model(operation).output_shape, answer)
            self.answer(200, answer)
        except Exception as error:
            self.answer(400, {"__type": "ValidationException", "message": repr(error)})

    def do_GET(self):
        if self.path == "/endpoints":
            self.answer(200, endpoints())
        else:
            self.answer(404, {})

    def answer(self, status, answer):
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    sys.stdin.buffer.read()


main()
