"""ECS, DynamoDB and HCP Terraform for benchmarks: one process that answers at once.

Items are kept and the conditions in use are checked; nothing else is. Prints its port, and ends
when its standard input closes. `POST /reset` leaves a ledger that a task has written and no job;
`GET /updates` lists when ECS was updated and to what, `GET /ledger` is the item of what is counted.
"""

import asyncio
import functools
import json
import re
import sys
import threading
import time

# By pk and sk.
items = {}
updates = []
desired = 0
LEDGER = ("agents/pool", "ledger")


def reset():
    global desired
    items.clear()
    updates.clear()
    desired = 0
    counts = {
        name: {"N": str(value)}
        for name, value in {"format": 1, "version": 1, "size": 0, "adopted": 1}.items()
    }
    items[LEDGER] = dict(counts, pk={"S": LEDGER[0]}, sk={"S": LEDGER[1]})


def service():
    return {
        "serviceName": "pool",
        "status": "ACTIVE",
        "desiredCount": desired,
        "runningCount": 0,
        "pendingCount": desired,
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


def query(body):
    """`pk = :pk AND sk < :end`"""
    values = body["ExpressionAttributeValues"]
    pk, end = values[":pk"]["S"], values[":end"]["S"]
    return 200, {"Items": [items[key] for key in sorted(items) if key[0] == pk and key[1] < end]}


def refused():
    kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    return 400, {"__type": kind, "message": "The conditional request failed"}


def call(target, body):
    global desired
    operation = target.split(".")[-1]
    if operation == "PutItem":
        return put_item(body)
    if operation == "Query":
        return query(body)
    if operation == "GetItem":
        found = items.get(place(body["Key"]))
        return 200, {"Item": found} if found else {}
    if operation == "UpdateItem":
        return update_item(body)
    if operation == "UpdateService":
        desired = body["desiredCount"]
        updates.append([time.time(), desired])
        return 200, {"service": service()}
    if operation == "DescribeServices":
        return 200, {"services": [service()], "failures": []}
    return 400, {"__type": "UnknownOperationException", "message": operation}


def answer(method, path, headers, body):
    if "x-amz-target" in headers:
        return call(headers["x-amz-target"], json.loads(body))
    if method == "PATCH":
        return 200, {"data": {"type": "task-results"}}
    if path == "/updates":
        return 200, updates
    if path == "/ledger":
        return 200, items[LEDGER]
    if path == "/reset":
        reset()
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
