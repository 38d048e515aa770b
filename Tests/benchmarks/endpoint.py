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


class Stub:
    """The cloud behind both."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "stub_cloud.py"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = "http://127.0.0.1:%d" % self.port
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
            "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_ENDPOINT_URL": self.url, "ECS_CLUSTER": "agents", "ECS_SERVICE": "pool",
            "LEDGER_TABLE": "ledger", "MAX_COUNT": "10000", "RUN_TASK_HMAC_KEY": KEY,
            "TFC_ADDRESS": self.url, "LISTEN_ADDRESS": "127.0.0.1", "PORT": "0",
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
        body = json.dumps({
            "payload_version": 1, "stage": "pre_plan", "access_token": "token",
            "run_id": "run-%d" % number, "workspace_name": "workspace", "organization_name": "org",
            "capabilities": {"outcomes": False}, "task_result_id": "taskrs-%d" % number,
            "task_result_enforcement_level": "advisory",
            "task_result_callback_url": self.url + "/api/v2/task-results/%d/callback" % number,
        })
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
    server.event = json.dumps({
        "version": "2.0", "rawPath": "/", "rawQueryString": "",
        "headers": {"x-tfc-task-signature": signature},
        "requestContext": {"http": {"method": "POST", "path": "/"}},
        "body": body, "isBase64Encoded": False}).encode()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = "127.0.0.1:%d" % server.server_address[1]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(stub.environment, AWS_LAMBDA_RUNTIME_API=address),
        stdin=subprocess.DEVNULL)
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

def post(connection, webhook):
    body, signature = webhook
    connection.request("POST", "/", body, {"X-TFC-Task-Signature": signature})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit("a webhook was answered %d" % answer.status)


def rate(port, stub, at_once):
    """Webhooks answered in a second, over connections that are kept. Each round begins with an
    empty ledger, as no agent ends the jobs: a real one holds tens of jobs, not hundreds.
    """
    connections = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(at_once)]
    failures = []

    def work(connection, waiting):
        try:
            while waiting:
                post(connection, waiting.pop())
        except IndexError:
            pass
        except BaseException as error:
            failures.append(error)

    spent = 0
    for number in range(-1, ROUNDS):
        stub.reset()
        waiting = [stub.webhook(number) for number in range(WEBHOOKS)]
        threads = [threading.Thread(target=work, args=(connection, waiting))
                   for connection in connections]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # The first round opens the connections and is not counted.
        if number >= 0:
            spent += time.perf_counter() - started
    if failures:
        raise failures[0]
    return ROUNDS * WEBHOOKS / spent


# Burst

async def burst(port, stub):
    """All webhooks at once, a connection each: seconds until the last answer, and statuses."""
    webhooks = [stub.webhook(number) for number in range(BURST)]

    async def one(webhook):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body, signature = webhook
        writer.write(("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n"
                      "X-TFC-Task-Signature: %s\r\n\r\n%s" % (len(body), signature, body)).encode())
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        return status

    started = time.perf_counter()
    statuses = await asyncio.gather(*map(one, webhooks))
    return time.perf_counter() - started, statuses


def most_in_a_second(moments):
    return max((sum(1 for other in moments if moment <= other < moment + 1)
                for moment in moments), default=0)


class Server:
    """An endpoint that listens, found by the port that it prints."""

    def __init__(self, command, stub):
        self.process = subprocess.Popen(
            command, env=dict(stub.environment, LOG_LEVEL="info"), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if match := re.search(r'"port":"(\d+)"|^(\d+)$', line):
                self.port = int(match[1] or match[2])
                break
        else:
            raise SystemExit("%s did not listen" % command)
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.kill()
        self.process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--bin", type=pathlib.Path, default=pathlib.Path(".build-benchmark/release"))
    folder = arguments.parse_args().bin.resolve()
    function, server = folder / "scale-up-lambda", folder / "scale-up-server"
    for program in (function, server):
        if not program.exists():
            raise SystemExit("%s is missing; see the top of this file for how it is built"
                             % program)
    boto3 = [sys.executable, HERE / "boto3_handler.py"]
    stub = Stub()

    ours, theirs = [], []
    for number in range(COLD_STARTS):
        stub.reset()
        ours.append(cold_start([function], stub, number))
        stub.reset()
        theirs.append(cold_start(boto3 + ["lambda"], stub, number))
    rows = [("cold start to first answer, median ms", statistics.median(ours),
             statistics.median(theirs), "30 + calls; boto3: 520")]

    peers = [Server([server], stub), Server(boto3 + ["server"], stub)]
    for at_once, title in [(1, "one at a time"), (AT_ONCE, "%d at once" % AT_ONCE)]:
        rates = [rate(peer.port, stub, at_once) for peer in peers]
        rows.append(("warm, %s, webhooks/s" % title, *rates, "5 times boto3"))
    stub.reset()
    seconds, statuses = asyncio.run(burst(peers[0].port, stub))
    updates = stub.ask("GET", "/updates")
    for peer in peers:
        peer.stop()
    stub.process.stdin.close()
    stub.process.wait()

    print("%-40s %10s %10s %8s  %s" % ("", "endpoint", "boto3", "ratio", "target"))
    for title, mine, other, target in rows:
        ratio = max(mine, other) / min(mine, other)
        better = (mine < other) == title.startswith("cold")
        print("%-40s %10.1f %10.1f %7.1fx%s %s"
              % (title, mine, other, ratio, " " if better else "!", target))
    print("%-40s %10.2f %10s %8s  %s"
          % ("burst of %d, seconds to the last answer" % BURST, seconds, "", "", "10"))
    print("%-40s %10d %10s %8s  %s"
          % ("  answered with 200", statuses.count(200), "", "", BURST))
    print("%-40s %10d %10s %8s  %s"
          % ("  service updates", len(updates), "", "", "one each: %d" % BURST))
    print("%-40s %10d %10s %8s  %s"
          % ("  most updates within a second", most_in_a_second(updates), "", "", "5"))


if __name__ == "__main__":
    main()
