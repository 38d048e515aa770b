"""ECS, DynamoDB and HCP Terraform for benchmarks: one process that answers at once.

Items are kept and the conditions in use are checked; nothing else is. Prints its port, and ends
when its standard input closes. `POST /reset` empties it; `GET /updates` lists when ECS was updated
and to what, `GET /ledger` is the ledger's item.
"""

import asyncio
import json
import re
import sys
import threading
import time

items = {}
updates = []
desired = 0


def service():
    return {"serviceName": "pool", "status": "ACTIVE", "desiredCount": desired,
            "runningCount": 0, "pendingCount": desired}


def update_item(body):
    """`SET #a = :b, #c = if_not_exists(#c, :d) REMOVE #e,#f`, under one condition or none."""
    names, values = body["ExpressionAttributeNames"], body["ExpressionAttributeValues"]
    item = dict(items.get(body["Key"]["pk"]["S"], body["Key"]))
    condition = body.get("ConditionExpression")
    if condition:
        name = names[re.search(r"#\w+", condition)[0]]
        expected = values[re.search(r":\w+", condition)[0]] if "=" in condition else None
        if item.get(name) != expected:
            return refused()
    sets, _, removes = body["UpdateExpression"].partition("REMOVE")
    for name, once, value in re.findall(r"(#\w+) = (if_not_exists\(#\w+, )?(:\w+)", sets):
        if not once or names[name] not in item:
            item[names[name]] = values[value]
    for name in re.findall(r"#\w+", removes):
        item.pop(names[name], None)
    items[item["pk"]["S"]] = item
    return 200, {"Attributes": item}


def refused():
    kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    return 400, {"__type": kind, "message": "The conditional request failed"}


def call(target, body):
    global desired
    operation = target.split(".")[-1]
    if operation == "BatchGetItem":
        table, request = next(iter(body["RequestItems"].items()))
        keys = [key["pk"]["S"] for key in request["Keys"]]
        found = [items[key] for key in keys if key in items]
        return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}
    if operation == "PutItem":
        item = body["Item"]
        old = items.get(item["pk"]["S"])
        expected = body.get("ExpressionAttributeValues", {}).get(":expected")
        if (old["version"] if old else None) != expected:
            return refused()
        items[item["pk"]["S"]] = item
        return 200, {}
    if operation == "GetItem":
        found = items.get(body["Key"]["pk"]["S"])
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
    global desired
    if "x-amz-target" in headers:
        return call(headers["x-amz-target"], json.loads(body))
    if method == "PATCH":
        return 200, {"data": {"type": "task-results"}}
    if path == "/updates":
        return 200, updates
    if path == "/ledger":
        return 200, items.get("agents/pool", {})
    if path == "/reset":
        items.clear()
        updates.clear()
        desired = 0
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
            writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\n"
                         b"Content-Length: %d\r\n\r\n" % (status, len(content)) + content)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_end():
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await ended.wait()


asyncio.run(main())
