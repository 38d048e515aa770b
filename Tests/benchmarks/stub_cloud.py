"""ECS, DynamoDB and HCP Terraform for benchmarks: one process that answers at once.

It is ECS's endpoint in a task too. Items are kept and the conditions in use are checked; nothing
else is. Prints its port, and ends when its standard input closes. `POST /reset?size=N&jobs=N`
leaves a ledger that a task has written, with so many agents and jobs that nobody holds; `GET
/updates` lists when ECS was updated and to what, `GET /ledger` is the item of what is counted, and
`GET /jobs` how many jobs there are.
"""

import asyncio
import datetime
import functools
import json
import re
import sys
import threading
import time
import urllib.parse

# By pk and sk.
items = {}
updates = []
desired = 0
LEDGER = ("agents/pool", "ledger")
TASKS = "arn:aws:ecs:eu-central-1:123456789012:task/agents/"


def reset(size=0, jobs=0):
    global desired
    items.clear()
    updates.clear()
    desired = size
    counts = {
        name: {"N": str(value)}
        for name, value in {
            "format": 1,
            "version": 1,
            "size": size,
            "adopted": 1,
            "moves": 0,
        }.items()
    }
    items[LEDGER] = dict(counts, pk={"S": LEDGER[0]}, sk={"S": LEDGER[1]})
    now = {"N": str(int(time.time() * 1000))}
    for number in range(jobs):
        key = (LEDGER[0], "job/run-known-%d/plan" % number)
        items[key] = {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "at": now}


def service():
    return {
        "serviceName": "pool",
        "status": "ACTIVE",
        "desiredCount": desired,
        "runningCount": 0,
        "pendingCount": desired,
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
    }


def place(key):
    return key["pk"]["S"], key["sk"]["S"]


@functools.cache
def compiled(condition):
    """A condition of AND, OR, brackets, attribute_exists, attribute_not_exists, = < <= and >."""
    text = re.sub(
        r"attribute_(not_)?exists\((#?\w+)\)",
        lambda m: "(%shas('%s'))" % ("not " if m[1] else "", m[2]),
        condition,
    )
    text = re.sub(
        r"(#?\w+) (<=|[=<>]) (:\w+)", lambda m: "holds('%s', '%s', '%s')" % (m[1], m[2], m[3]), text
    )
    text = text.replace(" AND ", " and ").replace(" OR ", " or ")
    if re.sub(r"(holds|has)\([^()]*\)|\b(not|and|or)\b|[() ]", "", text):
        raise ValueError("a condition that is not understood: " + condition)
    return compile(text, "condition", "eval")


def is_met(body, item):
    condition = body.get("ConditionExpression")
    if not condition:
        return True
    names, values = body.get("ExpressionAttributeNames", {}), body.get("ExpressionAttributeValues")

    def has(name):
        return names.get(name, name) in item

    def holds(name, operator, value):
        attribute, value = item.get(names.get(name, name)), values[value]
        if attribute is None or "N" not in attribute:
            return operator == "=" and attribute == value
        one, other = int(attribute["N"]), int(value["N"])
        return {"=": one == other, "<": one < other, "<=": one <= other, ">": one > other}[operator]

    return eval(compiled(condition), {"has": has, "holds": holds})


def put_item(body):
    item = body["Item"]
    if not is_met(body, items.get(place(item), {})):
        return refused()
    items[place(item)] = item
    return 200, {}


def update_item(body):
    """`SET #a = :a, #b = if_not_exists(#c, :zero) + :one REMOVE #d, #e`"""
    names, values = body["ExpressionAttributeNames"], body["ExpressionAttributeValues"]
    old = items.get(place(body["Key"]), {})
    if not is_met(body, old):
        return refused()
    item = dict(old or body["Key"])
    sets, _, removes = body["UpdateExpression"].partition("REMOVE")
    for name, counted, other, zero, value in re.findall(
        r"(#\w+) = (if_not_exists\((#\w+), (:\w+)\) \+ )?(:\w+)", sets
    ):
        new = values[value]
        if counted:
            before = old.get(names[other], values[zero])
            new = {"N": str(int(before["N"]) + int(new["N"]))}
        item[names[name]] = new
    for name in re.findall(r"#\w+", removes):
        item.pop(names[name], None)
    items[place(item)] = item
    return 200, {"Attributes": item}


def delete_item(body):
    if not is_met(body, items.get(place(body["Key"]), {})):
        return refused()
    items.pop(place(body["Key"]), None)
    return 200, {}


WRITES = {"Put": put_item, "Update": update_item, "Delete": delete_item}


def transact(body):
    """All or none."""
    writes = [next(iter(action.items())) for action in body["TransactItems"]]
    met = [
        is_met(write, items.get(place(write.get("Key") or write["Item"]), {}))
        for _, write in writes
    ]
    if not all(met):
        reasons = [{"Code": "None" if one else "ConditionalCheckFailed"} for one in met]
        kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
        return 400, {"__type": kind, "message": "cancelled", "CancellationReasons": reasons}
    for kind, write in writes:
        WRITES[kind](write)
    return 200, {}


def batch_get(body):
    answers = {
        table: [items[place(key)] for key in asked["Keys"] if place(key) in items]
        for table, asked in body["RequestItems"].items()
    }
    return 200, {"Responses": answers, "UnprocessedKeys": {}}


def query(body):
    """`pk = :pk AND sk < :end`"""
    values = body["ExpressionAttributeValues"]
    pk, end = values[":pk"]["S"], values[":end"]["S"]
    return 200, {"Items": [items[key] for key in sorted(items) if key[0] == pk and key[1] < end]}


def refused():
    kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    return 400, {"__type": kind, "message": "The conditional request failed"}


def update_service(body):
    global desired
    desired = body["desiredCount"]
    updates.append([time.time(), desired])
    return 200, {"service": service()}


def get_item(body):
    found = items.get(place(body["Key"]))
    return 200, {"Item": found} if found else {}


def describe_tasks(body):
    tasks = [
        {"taskArn": TASKS + task, "startedBy": "ecs-svc/1", "createdAt": time.time()}
        for task in body["tasks"]
    ]
    return 200, {"tasks": tasks, "failures": []}


OPERATIONS = {
    "BatchGetItem": batch_get,
    "DeleteItem": delete_item,
    "DescribeServices": lambda body: (200, {"services": [service()], "failures": []}),
    "DescribeTasks": describe_tasks,
    "GetItem": get_item,
    "ListTasks": lambda body: (200, {"taskArns": []}),
    "PutItem": put_item,
    "Query": query,
    "TransactWriteItems": transact,
    "UpdateItem": update_item,
    "UpdateService": update_service,
}


def call(target, body):
    operation = target.split(".")[-1]
    if operation in OPERATIONS:
        return OPERATIONS[operation](body)
    return 400, {"__type": "UnknownOperationException", "message": operation}


def moment(minutes):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")


def task_endpoint(task, what, body):
    """What ECS gives each container of a task: metadata, credentials, protection."""
    if what == "credentials":
        names = ("AccessKeyId", "SecretAccessKey", "Token")
        return 200, dict.fromkeys(names, "example") | {"Expiration": moment(600)}
    if what.startswith("metadata"):
        return 200, {
            "Cluster": "agents",
            "TaskARN": TASKS + task,
            "Family": "agents",
            "Revision": "1",
            "ServiceName": "pool",
            "DesiredStatus": "RUNNING",
            "KnownStatus": "RUNNING",
            "Containers": [],
        }
    wanted = json.loads(body)
    protection = {"ProtectionEnabled": wanted["ProtectionEnabled"], "TaskArn": TASKS + task}
    if wanted["ProtectionEnabled"]:
        protection["ExpirationDate"] = moment(wanted.get("ExpiresInMinutes", 120))
    return 200, {"protection": protection}


def answer(method, path, headers, body):
    if "x-amz-target" in headers:
        return call(headers["x-amz-target"], json.loads(body))
    if method == "PATCH":
        return 200, {"data": {"type": "task-results"}}
    path, _, words = path.partition("?")
    if path.startswith("/tasks/"):
        _, _, task, what = path.split("/", 3)
        return task_endpoint(task, what, body)
    if path == "/updates":
        return 200, updates
    if path == "/jobs":
        return 200, sum(key[1].startswith("job/") for key in items)
    if path == "/ledger":
        return 200, items[LEDGER]
    if path == "/reset":
        reset(**{name: int(value) for name, value in urllib.parse.parse_qsl(words)})
        return 200, {}
    return 404, {}


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {}
            for line in head[1:]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length") or 0))
            status, document = answer(method, path, headers, body)
            content = json.dumps(document).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\n"
                b"Content-Length: %d\r\n\r\n" % (status, len(content)) + content
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    reset()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_end():
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await ended.wait()


asyncio.run(main())
