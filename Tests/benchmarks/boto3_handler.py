"""What the endpoint is compared with: a run task handler as one would write it with boto3.

`boto3_handler.py lambda` is a function under the Runtime API, `boto3_handler.py server` a threaded
HTTP server that prints its port. Both do the same calls for a webhook: BatchGetItem, a conditional
PutItem, UpdateService and BatchGetItem again if the service must grow, PATCH of the callback. Its
threads take turns at the ledger, since lost races would cost it more. The settings are those of the
real endpoint.
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

import boto3
import botocore.config
import botocore.exceptions
import urllib3

KEY = os.environ["RUN_TASK_HMAC_KEY"].encode()
TABLE, CLUSTER, SERVICE = (
    os.environ[name] for name in ("LEDGER_TABLE", "ECS_CLUSTER", "ECS_SERVICE"))
MAX_COUNT = int(os.environ["MAX_COUNT"])
PK = "%s/%s" % (CLUSTER, SERVICE)
CONFIG = botocore.config.Config(max_pool_connections=64)
dynamodb = boto3.client("dynamodb", config=CONFIG)
ecs = boto3.client("ecs", config=CONFIG)
ledger = threading.Lock()
pool = urllib3.PoolManager(maxsize=64)


def read():
    answer = dynamodb.batch_get_item(RequestItems={TABLE: {
        "Keys": [{"pk": {"S": PK + end}}
                 for end in ("", "/limits", "/limits/scheduled", "/limits/ending")],
        "ConsistentRead": True}})
    found = [item for item in answer["Responses"][TABLE] if item["pk"]["S"] == PK]
    return found[0] if found else None


def announce(job):
    """Returns the size that the service must have, and the one that it had."""
    while True:
        old = read()
        item = dict(old or {"pk": {"S": PK}, "format": {"N": "1"}, "jobs": {"M": {}}})
        version = int(old["version"]["N"]) if old else 0
        item["jobs"]["M"][job] = {"M": {"at": {"N": "0"}}}
        before = int(old["size"]["N"]) if old else 0
        size = min(MAX_COUNT, len(item["jobs"]["M"]))
        item["size"], item["version"] = {"N": str(size)}, {"N": str(version + 1)}
        condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        if old:
            condition = {"ConditionExpression": "version = :expected",
                         "ExpressionAttributeValues": {":expected": {"N": str(version)}}}
        try:
            dynamodb.put_item(TableName=TABLE, Item=item, **condition)
            return size, before
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def handle(body, signature):
    expected = hmac.new(KEY, body, hashlib.sha512).hexdigest()
    if not hmac.compare_digest(expected, signature or ""):
        return 401
    call = json.loads(body)
    with ledger:
        size, before = announce(call["run_id"] + "/plan")
    if size > before:
        ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=size)
        read()
    result = {"data": {"type": "task-results", "attributes": {
        "status": "passed", "message": "%d agents" % size}}}
    pool.request("PATCH", call["task_result_callback_url"], body=json.dumps(result), headers={
        "Authorization": "Bearer " + call["access_token"],
        "Content-Type": "application/vnd.api+json"})
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
        api.request("POST", "/2018-06-01/runtime/invocation/%s/response" % request,
                    json.dumps({"statusCode": status}))
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
