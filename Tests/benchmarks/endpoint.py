"""The scale-up endpoint beside a boto3 handler that makes the same calls of the same stub, both in
turns."""

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
PEER = "boto3 handler"
COLD_STARTS = 11
ROUNDS = 20
WEBHOOKS = 32
AT_ONCE = 16
FOLLOWED = 20
BURST = 500
BURSTS = 3
INSTANCES = 50
STRANGERS = 500
# Bookings of updates are this far apart (Ledger.updateSpacing), with room to spare.
PAUSE_SECONDS = 0.3
CLIENTS = [1, 10, 100, 500]
LEDGERS = [10, 100, 1000, 4000]


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

    def reset(self, **counts):
        self.ask("POST", "/reset?" + "&".join("%s=%d" % item for item in counts.items()))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

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
        stderr=subprocess.DEVNULL,
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
    """Makes each call on the next caller that is free: the seconds that each took."""
    waiting, times, sent = requests[::-1], [], {}

    def call(caller):
        sent[caller] = time.perf_counter()
        caller.call(waiting.pop())

    with selectors.DefaultSelector() as selector:
        for caller in callers:
            if waiting:
                selector.register(caller.socket, selectors.EVENT_READ, caller)
                call(caller)
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.has_answer():
                    continue
                times.append(time.perf_counter() - sent[key.data])
                if waiting:
                    call(key.data)
                else:
                    selector.unregister(key.fileobj)
    return times


class Rates:
    """Webhooks in a second, and what each of them takes of the processor, round for round."""

    def __init__(self, peer, stub, at_once, webhooks=WEBHOOKS):
        self.peer, self.stub = peer, stub
        self.callers = [Caller(peer.port) for _ in range(at_once)]
        self.first = [request(stub.webhook(webhooks))]
        self.requests = [request(stub.webhook(number)) for number in range(webhooks)]
        self.per_second, self.milliseconds, self.updates = [], [], []
        # The first round warms up and is not counted.
        self.round()
        for counted in (self.per_second, self.milliseconds, self.updates):
            counted.clear()

    def round(self):
        """Over connections that are kept. Begins without jobs, as no agent ends them: a real ledger
        holds tens of jobs, not hundreds."""
        self.stub.reset()
        # One that raises the service first, outside of what is measured.
        drive(self.callers[:1], self.first)
        before = self.peer.processor_seconds()
        started = time.perf_counter()
        drive(self.callers, self.requests)
        spent = time.perf_counter() - started
        used = self.peer.processor_seconds() - before
        self.per_second.append(len(self.requests) / spent)
        self.milliseconds.append(1000 * used / len(self.requests))
        self.updates.append((len(self.stub.ask("GET", "/updates")) - 1) / spent)

    def close(self):
        for caller in self.callers:
            caller.socket.close()


def rates(peers, stub, at_once, rounds=ROUNDS):
    """Both in turns."""
    measured = [Rates(peer, stub, at_once) for peer in peers]
    for _ in range(rounds):
        for one in measured:
            one.round()
    for one in measured:
        one.close()
    return measured


def followed(peer, stub, number):
    """Milliseconds from a webhook to the update of the service that it asks for."""
    caller = Caller(peer.port)
    call = request(stub.webhook(number))
    before = len(stub.ask("GET", "/updates"))
    sent = time.time()
    drive([caller], [call])
    caller.socket.close()
    moments = stub.ask("GET", "/updates")[before:]
    return (moments[0][0] - sent) * 1000


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
                stderr=subprocess.DEVNULL,
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
            env=dict(stub.environment, LOG_LEVEL="info", MAX_COUNT=str(max_count)),
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
        """Of the threads that there are: finer than the clock ticks of /proc/PID/stat."""
        folder = pathlib.Path("/proc/%d/task" % self.process.pid)
        return sum(int(path.read_text().split()[0]) for path in folder.glob("*/schedstat")) / 1e9

    def resident_megabytes(self):
        text = pathlib.Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s*(\d+)", text)[1]) / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()


def held(server, stub):
    """Megabytes that strangers add whose bodies are all but one byte here, and signed by nobody."""
    body = b"x" * ((1 << 20) - 1)
    head = (
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nX-TFC-Task-Signature: %s\r\n\r\n"
        % (1 << 20, "0" * 128)
    ).encode()
    unsent = memoryview(head + body)
    before = server.resident_megabytes()
    most = before
    sockets = []
    for _ in range(STRANGERS):
        stranger = socket.create_connection(("127.0.0.1", server.port))
        stranger.setblocking(False)
        sockets.append([stranger, unsent])
    deadline = time.monotonic() + 15
    waiting = list(sockets)
    while waiting and time.monotonic() < deadline:
        for entry in list(waiting):
            try:
                entry[1] = entry[1][entry[0].send(entry[1][: 1 << 16]) :]
            except BlockingIOError:
                continue
            except OSError:
                entry[1] = entry[1][:0]
            if not entry[1]:
                waiting.remove(entry)
        most = max(most, server.resident_megabytes())
    for stranger, _ in sockets:
        stranger.close()
    return most - before


class Peers:
    """Ours and theirs behind the same stub."""

    def __init__(self, folder, stub, max_count):
        self.both = [
            Server([folder / "scale-up-server"], stub, max_count),
            Server(BOTO3 + ["server"], stub, max_count),
        ]

    def __enter__(self):
        return self.both

    def __exit__(self, *_):
        for peer in self.both:
            peer.stop()


BOTO3 = [sys.executable, HERE / "boto3_handler.py"]


def found(ours, theirs=None):
    return {"ours": ours, "peers": {PEER: theirs} if theirs else {}}


def measure(folder):
    """Yields each row's key with what was found."""
    stub = Stub()
    ours, theirs = [], []
    for number in range(COLD_STARTS):
        stub.reset()
        ours.append(cold_start([folder / "scale-up-lambda"], stub, number))
        stub.reset()
        theirs.append(cold_start(BOTO3 + ["lambda"], stub, number))
    yield "cold", found(ours, theirs)

    # At max_count nobody updates the service, so the endpoint does not hold itself back.
    with Peers(folder, stub, 1) as both:
        for key, at_once in (("one", 1), ("many", AT_ONCE)):
            mine, other = rates(both, stub, at_once)
            yield key, found(mine.per_second, other.per_second)
            yield key + "-cpu", found(mine.milliseconds, other.milliseconds)

    # Where each webhook needs an update the endpoint makes four a second, by design.
    with Peers(folder, stub, 1000) as both:
        stub.reset()
        times = [[], []]
        for number in range(FOLLOWED):
            for place, peer in enumerate(both):
                time.sleep(PAUSE_SECONDS)
                times[place].append(followed(peer, stub, 2 * number + place))
        yield "follow", found(*times)
        mine, other = rates(both, stub, AT_ONCE, rounds=3)
        yield "updates", found(mine.updates, other.updates)
        seconds, most = [], []
        for _ in range(BURSTS):
            stub.reset()
            spent, statuses = asyncio.run(burst(both[0].port, stub))
            seconds.append(checked(spent, statuses, stub))
            most.append(most_in_a_second([moment for moment, _ in stub.ask("GET", "/updates")]))
        yield "burst-server", found(seconds)
        yield "burst-server-updates", found(most)
    with Peers(folder, stub, 1) as both:
        yield "held", found([held(both[0], stub)])

    seconds, most = [], []
    for _ in range(BURSTS):
        stub.reset()
        spent, statuses = asyncio.run(Fleet().burst(folder / "scale-up-lambda", stub))
        seconds.append(checked(spent, statuses, stub))
        most.append(most_in_a_second([moment for moment, _ in stub.ask("GET", "/updates")]))
    yield "burst-function", found(seconds)
    yield "burst-function-updates", found(most)
    stub.stop()


def checked(seconds, statuses, stub):
    """All were answered, and ledger and service have an agent for each."""
    ledger, updates = stub.ask("GET", "/ledger"), stub.ask("GET", "/updates")
    sizes = int(ledger["size"]["N"]), updates[-1][1]
    if statuses.count(200) != BURST or sizes != (BURST, BURST):
        raise SystemExit("a burst had %d answers, sizes %s" % (statuses.count(200), sizes))
    return seconds


def growth(folder):
    """Yields each series' key with its points: clients at once, and jobs in the ledger."""
    stub = Stub()
    server = Server([folder / "scale-up-server"], stub, 1)
    rate, late = [], []
    for clients in CLIENTS:
        callers = [Caller(server.port) for _ in range(clients)]
        stub.reset()
        drive(callers[:1], [request(stub.webhook(0))])
        calls = [request(stub.webhook(0)) for _ in range(max(200, 4 * clients))]
        started = time.perf_counter()
        times = drive(callers, calls)
        spent = time.perf_counter() - started
        for caller in callers:
            caller.socket.close()
        rate.append((clients, len(times) / spent))
        late.append((clients, 1000 * sorted(times)[len(times) * 99 // 100 - 1]))
    yield "clients", {"points": rate}
    yield "clients-late", {"points": late}
    points = []
    for jobs in LEDGERS:
        caller = Caller(server.port)
        stub.reset(jobs=jobs, size=1)
        times = drive([caller], [request(stub.webhook(0)) for _ in range(30)])
        caller.socket.close()
        points.append((jobs, 1000 * statistics.median(times)))
    yield "ledger", {"points": points}
    server.stop()
    stub.stop()
