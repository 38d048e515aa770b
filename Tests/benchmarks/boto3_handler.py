"""What the endpoint is compared with: a run task handler as one would write it with boto3.

`boto3_handler.py lambda` is a function under the Runtime API, `boto3_handler.py server` a threaded
HTTP server that prints its port. Both do the same calls for a webhook: PutItem of the job where
there is none, Query, and PATCH of the callback; where the service must grow, UpdateItem that raises
the size and books, UpdateService, and UpdateItem that notes the moves followed. Its threads take
turns at these, since overtaking each other would cost them more. The settings are those of the real
endpoint.
"""

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import os
import sys
import threading
import time

import boto3
import botocore.config
import botocore.exceptions
import urllib3

KEY = os.environ["RUN_TASK_HMAC_KEY"].encode()
TABLE, CLUSTER, SERVICE = (
    os.environ[name] for name in ("LEDGER_TABLE", "ECS_CLUSTER", "ECS_SERVICE")
)
MAX_COUNT = int(os.environ["MAX_COUNT"])
PK = "%s/%s" % (CLUSTER, SERVICE)
LEDGER = {"pk": {"S": PK}, "sk": {"S": "ledger"}}
CONFIG = botocore.config.Config(max_pool_connections=64)
dynamodb = boto3.client("dynamodb", config=CONFIG)
ecs = boto3.client("ecs", config=CONFIG)
turn = threading.Lock()
pool = urllib3.PoolManager(maxsize=64)


def unless_refused(call, **parameters):
    """The call's answer; None when its condition did not hold."""
    try:
        return call(TableName=TABLE, **parameters)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def now():
    return {"N": str(int(time.time() * 1000))}


def announce(job):
    """Returns how many agents there are to be."""
    item = {"pk": {"S": PK}, "sk": {"S": "job/" + job}, "at": now()}
    unless_refused(
        dynamodb.put_item,
        Item=item,
        ConditionExpression="attribute_not_exists(#pk)",
        ExpressionAttributeNames={"#pk": "pk"},
    )
    while True:
        # Pages are of 1 MB, thousands of jobs.
        items = dynamodb.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND sk < :end",
            ConsistentRead=True,
            ExpressionAttributeValues={":pk": {"S": PK}, ":end": {"S": "task/"}},
        )["Items"]
        wanted = min(MAX_COUNT, sum(item["sk"]["S"].startswith("job/") for item in items))
        old = next(item for item in items if item["sk"]["S"] == "ledger")
        if has_raised(old, wanted):
            return wanted


def has_raised(old, size):
    """False where somebody took agents away since, and the jobs have to be read again."""
    if int(old["size"]["N"]) >= size:
        return True
    with turn:
        counted = raise_to(size, old["version"])
        if counted:
            follow(counted)
            return True
        counted = read()
    return counted["version"] == old["version"] and int(counted["size"]["N"]) >= size


def raise_to(size, version):
    return update(
        "SET #format = :one, #size = :size, #projected = :projected, "
        "#moves = if_not_exists(#moves, :zero) + :one, "
        "#last_raise = if_not_exists(#moves, :zero) + :one",
        "#version = :expected AND #size < :size",
        ["format", "size", "projected", "version", "moves", "last_raise"],
        {
            ":size": {"N": str(size)},
            ":projected": now(),
            ":expected": version,
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        },
    )


def note(moves):
    return update(
        "SET #followed = :followed",
        "attribute_exists(#size) AND (attribute_not_exists(#followed) OR #followed < :followed)",
        ["size", "followed"],
        {":followed": {"N": str(moves)}},
    )


def read():
    return dynamodb.get_item(TableName=TABLE, Key=LEDGER, ConsistentRead=True)["Item"]


def update(text, condition, names, values):
    answer = unless_refused(
        dynamodb.update_item,
        Key=LEDGER,
        UpdateExpression=text,
        ConditionExpression=condition,
        ReturnValues="ALL_NEW",
        ExpressionAttributeNames={"#" + name: name for name in names},
        ExpressionAttributeValues=values,
    )
    return answer["Attributes"] if answer else None


def follow(counted):
    """Until nobody has raised the ledger meanwhile, whose update this one may have undone."""
    written = None
    while written != counted["size"]:
        written = counted["size"]
        ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=int(written["N"]))
        counted = note(int(counted["moves"]["N"])) or read()


def handle(body, signature):
    expected = hmac.new(KEY, body, hashlib.sha512).hexdigest()
    if not hmac.compare_digest(expected, signature or ""):
        return 401
    call = json.loads(body)
    size = announce(call["run_id"] + "/plan")
    result = {
        "data": {
            "type": "task-results",
            "attributes": {"status": "passed", "message": "%d agents" % size},
        }
    }
    pool.request(
        "PATCH",
        call["task_result_callback_url"],
        body=json.dumps(result),
        headers={
            "Authorization": "Bearer " + call["access_token"],
            "Content-Type": "application/vnd.api+json",
        },
    )
    return 200


def run_function():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        answer = api.getresponse()
        event = json.loads(answer.read())
        body = event["body"]
        body = base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
        status = handle(body, event["headers"].get("x-tfc-task-signature"))
        request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        api.request(
            "POST",
            "/2018-06-01/runtime/invocation/%s/response" % request,
            json.dumps({"statusCode": status}),
        )
        api.getresponse().read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(handle(body, self.headers["X-TFC-Task-Signature"]))
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


def run_server():
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


{"lambda": run_function, "server": run_server}[sys.argv[1]]()
