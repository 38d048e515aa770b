"""Measures the scale-up endpoint beside a boto3 handler that does the same calls against the same
stub, in one run. `Tests/run --benchmark` builds what it needs and runs it; by hand, with any Python
that has boto3 and release builds of scale-up-lambda and scale-up-server in DIR:

    .venv/bin/python Tests/benchmarks/endpoint.py --bin DIR

Absolute numbers are this machine's; the ratios are what to compare.
"""

import argparse
import asyncio
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
KEY = "benchmark-key"
COLD_STARTS = 11
ROUNDS = 10
WEBHOOKS = 32
AT_ONCE = 16
BURST = 500
INSTANCES = 50


class Stub:
    """The cloud behind both."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "stub_cloud.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stdout.readline())
        self.url = "http://127.0.0.1:%d" % self.port
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_ENDPOINT_URL": self.url,
            "ECS_CLUSTER": "agents",
            "ECS_SERVICE": "pool",
            "LEDGER_TABLE": "ledger",
            "MAX_COUNT": "1000",
            "RUN_TASK_HMAC_KEY": KEY,
            "TFC_ADDRESS": self.url,
            "LISTEN_ADDRESS": "127.0.0.1",
            "PORT": "0",
            "LOG_LEVEL": "error",
        }

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(method, path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def reset(self):
        self.ask("POST", "/reset")

    def webhook(self, number):
        """Body and signature of one run's pre_plan call."""
        body = json.dumps(
            {
                "payload_version": 1,
                "stage": "pre_plan",
                "access_token": "token",
                "run_id": "run-%d" % number,
                "workspace_name": "workspace",
                "organization_name": "org",
                "capabilities": {"outcomes": False},
                "task_result_id": "taskrs-%d" % number,
                "task_result_enforcement_level": "advisory",
                "task_result_callback_url": self.url + "/api/v2/task-results/%d/callback" % number,
            }
        )
        return body, hmac.new(KEY.encode(), body.encode(), hashlib.sha512).hexdigest()


# Cold start


class RuntimeAPI(http.server.BaseHTTPRequestHandler):
    """Gives out one event; the next request for work waits for the process's end."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.event is None:
            self.connection.recv(1)
            self.close_connection = True
            return
        event, self.server.event = self.server.event, None
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 10000))
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self):
        answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.answered = (time.perf_counter(), answer)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.done.set()


def cold_start(command, stub, number):
    """Milliseconds from the process's start to its first answer."""
    body, signature = stub.webhook(number)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), RuntimeAPI)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    server.done = threading.Event()
    server.event = event(body, signature)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = "127.0.0.1:%d" % server.server_address[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=dict(stub.environment, AWS_LAMBDA_RUNTIME_API=address),
        stdin=subprocess.DEVNULL,
    )
    try:
        if not server.done.wait(30):
            raise SystemExit("no answer from %s" % command)
    finally:
        process.kill()
        process.wait()
        server.shutdown()
    answered, answer = server.answered
    if answer.get("statusCode") != 200:
        raise SystemExit("%s answered %s" % (command, answer))
    return (answered - started) * 1000


# Warm


class Caller:
    """A connection that is kept, and takes as little of the processor as Python can: what is to be
    measured is behind it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def call(self, request):
        self.socket.sendall(request)

    def has_answer(self):
        """Reads once; true when the whole answer is there."""
        self.received += self.socket.recv(65536)
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if len(body) < int(length[1] if length else 0):
            return False
        if not head.startswith(b"HTTP/1.1 200") and not head.startswith(b"HTTP/1.0 200"):
            raise SystemExit("a webhook was answered %r" % head.splitlines()[0])
        self.received = b""
        return True


def request(webhook):
    body, signature = webhook
    return (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nX-TFC-Task-Signature: %s\r\n\r\n%s"
        % (len(body), signature, body)
    ).encode()


def drive(callers, requests):
    """Makes each call on the next caller that is free."""
    waiting = requests[::-1]
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            if waiting:
                selector.register(caller.socket, selectors.EVENT_READ, caller)
                caller.call(waiting.pop())
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.has_answer():
                    continue
                if waiting:
                    key.data.call(waiting.pop())
                else:
                    selector.unregister(key.fileobj)


class Rate:
    """Webhooks in a second, and what each of them took of the processor."""

    def __init__(self, peer, stub, at_once, rounds=ROUNDS):
        """Over connections that are kept. Each round begins without jobs, as no agent ends them: a
        real ledger holds tens of jobs, not hundreds."""
        callers = [Caller(peer.port) for _ in range(at_once)]
        first = [request(stub.webhook(WEBHOOKS))]
        requests = [request(stub.webhook(number)) for number in range(WEBHOOKS)]
        spent = used = updates = 0
        for number in range(-1, rounds):
            stub.reset()
            # One that raises the service first, outside of what is measured.
            drive(callers[:1], first)
            before = peer.processor_seconds()
            started = time.perf_counter()
            drive(callers, requests)
            # The first round warms both up and is not counted.
            if number >= 0:
                spent += time.perf_counter() - started
                used += peer.processor_seconds() - before
                updates += len(stub.ask("GET", "/updates")) - 1
        for caller in callers:
            caller.socket.close()
        self.per_second = rounds * WEBHOOKS / spent
        self.processor_milliseconds = 1000 * used / (rounds * WEBHOOKS)
        self.updates_per_second = updates / spent


# Burst


async def burst(port, stub):
    """All webhooks at once, a connection each: seconds until the last answer, and statuses."""
    webhooks = [stub.webhook(number) for number in range(BURST)]

    async def one(webhook):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body, signature = webhook
        writer.write(
            (
                "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n"
                "X-TFC-Task-Signature: %s\r\n\r\n%s" % (len(body), signature, body)
            ).encode()
        )
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        return status

    started = time.perf_counter()
    statuses = await asyncio.gather(*map(one, webhooks))
    return time.perf_counter() - started, statuses


class Fleet:
    """Lambda's Runtime API for many instances of the function, which share the work."""

    def __init__(self):
        self.work = asyncio.Queue()
        self.idle = 0
        self.answers = {}

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, _ = head.split(" ", 2)
                length = re.search(r"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                if method == "GET":
                    self.idle += 1
                    number, event = await self.work.get()
                    self.idle -= 1
                    headers = (
                        "Lambda-Runtime-Aws-Request-Id: %d\r\nLambda-Runtime-Deadline-Ms: %d"
                        % (number, (time.time() + 10) * 1000)
                    )
                    answer = b"HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (
                        headers.encode(),
                        len(event),
                        event,
                    )
                else:
                    self.answers[int(path.split("/")[4])].set_result(json.loads(body))
                    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def burst(self, function, stub):
        """All webhooks at once: seconds until the last answer, and statuses."""
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        instances = [
            subprocess.Popen(
                [function],
                stdin=subprocess.DEVNULL,
                env=dict(stub.environment, AWS_LAMBDA_RUNTIME_API=address),
            )
            for _ in range(INSTANCES)
        ]
        try:
            while self.idle < INSTANCES:
                await asyncio.sleep(0.05)
            for number in range(BURST):
                self.answers[number] = asyncio.get_running_loop().create_future()
            events = [event(*stub.webhook(number)) for number in range(BURST)]
            started = time.perf_counter()
            for item in enumerate(events):
                self.work.put_nowait(item)
            answers = await asyncio.gather(*self.answers.values())
            return time.perf_counter() - started, [answer["statusCode"] for answer in answers]
        finally:
            for instance in instances:
                instance.kill()
                instance.wait()


def event(body, signature):
    return json.dumps(
        {
            "version": "2.0",
            "rawPath": "/",
            "rawQueryString": "",
            "headers": {"x-tfc-task-signature": signature},
            "requestContext": {"http": {"method": "POST", "path": "/"}},
            "body": body,
            "isBase64Encoded": False,
        }
    ).encode()


def most_in_a_second(moments):
    return max(
        (sum(1 for other in moments if moment <= other < moment + 1) for moment in moments),
        default=0,
    )


class Server:
    """An endpoint that listens, found by the port that it prints."""

    def __init__(self, command, stub, max_count):
        self.process = subprocess.Popen(
            command,
            env=dict(stub.environment, LOG_LEVEL="info", MAX_COUNT=max_count),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in self.process.stdout:
            if match := re.search(r'"port":(\d+)|^(\d+)$', line):
                self.port = int(match[1] or match[2])
                break
        else:
            raise SystemExit("%s did not listen" % command)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def processor_seconds(self):
        fields = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text().split(")")[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.kill()
        self.process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument(
        "--bin", type=pathlib.Path, default=pathlib.Path(".build-benchmark/release")
    )
    folder = arguments.parse_args().bin.resolve()
    function, server = folder / "scale-up-lambda", folder / "scale-up-server"
    for program in (function, server):
        if not program.exists():
            raise SystemExit(
                "%s is missing; see the top of this file for how it is built" % program
            )
    boto3 = [sys.executable, HERE / "boto3_handler.py"]
    stub = Stub()

    ours, theirs = [], []
    for number in range(COLD_STARTS):
        stub.reset()
        ours.append(cold_start([function], stub, number))
        stub.reset()
        theirs.append(cold_start(boto3 + ["lambda"], stub, number))
    report = Report()
    report.row(
        "cold start to first answer, median",
        "ms",
        statistics.median(ours),
        statistics.median(theirs),
        "30 + the calls; boto3: 520",
    )

    # At max_count nobody updates the service, so the endpoint does not hold itself back.
    peers = [Server([server], stub, "1"), Server(boto3 + ["server"], stub, "1")]
    for at_once, title in [(1, "one at a time"), (AT_ONCE, "%d at once" % AT_ONCE)]:
        mine, other = (Rate(peer, stub, at_once) for peer in peers)
        report.row(
            "warm, no update needed, " + title,
            "webhooks/s",
            mine.per_second,
            other.per_second,
            "5 times boto3",
        )
        report.row(
            "  processor time of each",
            "ms",
            mine.processor_milliseconds,
            other.processor_milliseconds,
        )
    for peer in peers:
        peer.stop()

    # Where each webhook needs an update the endpoint makes four a second, by design.
    peers = [Server([server], stub, "1000"), Server(boto3 + ["server"], stub, "1000")]
    mine, other = (Rate(peer, stub, AT_ONCE, rounds=3) for peer in peers)
    report.row(
        "warm, each needs an update, %d at once" % AT_ONCE,
        "webhooks/s",
        mine.per_second,
        other.per_second,
    )
    report.row(
        "  service updates", "1/s", mine.updates_per_second, other.updates_per_second, "at most 5"
    )

    stub.reset()
    seconds, statuses = asyncio.run(burst(peers[0].port, stub))
    report.burst("one server", seconds, statuses, stub)
    for peer in peers:
        peer.stop()
    stub.reset()
    seconds, statuses = asyncio.run(Fleet().burst(function, stub))
    report.burst("%d instances of the function" % INSTANCES, seconds, statuses, stub)
    stub.process.stdin.close()
    stub.process.wait()


class Report:
    """Prints a table as it comes."""

    LINE = "%-46s %10s %10s %10s %7s  %s"

    def __init__(self):
        print(self.LINE % ("", "", "endpoint", "boto3", "ratio", "target"), flush=True)

    def row(self, title, unit, mine, other, target=""):
        ratio = "%.1fx" % (max(mine, other) / max(min(mine, other), 1e-9))
        print(self.LINE % (title, unit, "%.1f" % mine, "%.1f" % other, ratio, target), flush=True)

    def burst(self, title, seconds, statuses, stub):
        updates = stub.ask("GET", "/updates")
        ledger = stub.ask("GET", "/ledger")
        for row in [
            ("burst of %d, %s" % (BURST, title), "s", "%.2f" % seconds, "10"),
            ("  answered with 200", "", statuses.count(200), BURST),
            (
                "  size in the ledger, and of the service",
                "",
                "%s, %s" % (ledger["size"]["N"], updates[-1][1]),
                BURST,
            ),
            ("  raises of the ledger", "", ledger["moves"]["N"], "one each: %d" % BURST),
            ("  service updates", "", len(updates), "one each: %d" % BURST),
            (
                "  most of them within a second",
                "",
                most_in_a_second([moment for moment, _ in updates]),
                "5",
            ),
        ]:
            print(self.LINE % (row[0], row[1], row[2], "", "", row[3]), flush=True)


if __name__ == "__main__":
    main()
