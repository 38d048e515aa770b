"""Lambda's Runtime API for one function, and HCP Terraform's callback, as they are published.

With arguments it starts the function itself, as many instances as it is told: the executable, the
number, and its environment as JSON. They share the work that is invoked.

Prints one JSON line with the port once it listens, and ends when its standard input closes.

    POST /invoke?seconds=10   the body is the event; answered with what the function answered
    GET /init-error           waits for an init error
    POST /break               from now on `next` is answered with 500
    GET /callbacks            the callbacks received; those of a path with "silent" get no answer
"""

import http.server
import json
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

API = "/2018-06-01/runtime/"
# Longest that anything here waits; a test that gets there has failed.
PATIENCE_SECONDS = 30

changed = threading.Condition()
queue = []
taken = {}
init_errors = []
callbacks = []
broken = False


class Invocation:
    def __init__(self, event, seconds):
        self.request_id = str(uuid.uuid4())
        self.invocation_id = str(uuid.uuid4())
        self.event = event
        self.seconds = seconds
        self.deadline = None  # Lambda counts from when an instance has it.
        self.outcome = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, document=None, headers=()):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, kind):
        self.answer(status, {"errorMessage": kind, "errorType": kind})

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def has_gone(self):
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def do_GET(self):
        if self.path == API + "invocation/next":
            self.next()
        elif self.path == "/init-error":
            with changed:
                fine = changed.wait_for(lambda: init_errors, PATIENCE_SECONDS)
            self.answer(200 if fine else 504, init_errors[0] if fine else None)
        elif self.path == "/callbacks":
            self.answer(200, callbacks)
        else:
            self.error(404, "NotFound")

    def do_POST(self):
        path = urllib.parse.urlsplit(self.path)
        if path.path == "/invoke":
            self.invoke(urllib.parse.parse_qs(path.query))
        elif path.path == "/break":
            global broken
            with changed:
                broken = True
                changed.notify_all()
            self.answer(200)
        elif path.path == API + "init/error":
            error = {
                "type": self.headers["Lambda-Runtime-Function-Error-Type"],
                "body": json.loads(self.body()),
            }
            with changed:
                init_errors.append(error)
                changed.notify_all()
            self.answer(202, {"status": "OK"})
        elif path.path.startswith(API + "invocation/"):
            self.finish_invocation(*path.path[len(API + "invocation/") :].split("/"))
        else:
            self.error(404, "NotFound")

    def do_PATCH(self):
        callback = {
            "path": self.path,
            "type": self.headers["Content-Type"],
            "authorization": self.headers["Authorization"],
            "body": json.loads(self.body()),
        }
        with changed:
            callbacks.append(callback)
            changed.notify_all()
        if "silent" in self.path:
            self.connection.recv(1)
            self.close_connection = True
            return
        self.answer(200, {"data": {"type": "task-results"}})

    def next(self):
        while True:
            with changed:
                changed.wait_for(lambda: queue or broken, 0.1)
                if self.has_gone():
                    self.close_connection = True
                    return
                if broken:
                    return self.error(500, "ContainerError")
                if not queue:
                    continue
                invocation = queue.pop(0)
                invocation.deadline = int((time.time() + invocation.seconds) * 1000)
                taken[invocation.request_id] = invocation
            return self.answer(
                200,
                invocation.event,
                [
                    ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
                    ("Lambda-Runtime-Invocation-Id", invocation.invocation_id),
                    ("Lambda-Runtime-Deadline-Ms", str(invocation.deadline)),
                    ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
                    (
                        "Lambda-Runtime-Invoked-Function-Arn",
                        "arn:aws:lambda:eu-central-1:123456789012:function:scale-up",
                    ),
                ],
            )

    def finish_invocation(self, request_id, kind):
        body = self.body()
        echoed = self.headers["Lambda-Runtime-Invocation-Id"]
        with changed:
            invocation = taken.get(request_id)
            if invocation is None:
                return self.error(400, "InvalidRequestID")
            if echoed is not None and echoed != invocation.invocation_id:
                return self.error(400, "InvalidInvocationId")
            del taken[request_id]
            invocation.outcome = {
                "kind": kind,
                "body": body.decode(),
                "echoed": echoed is not None,
                "errorType": self.headers["Lambda-Runtime-Function-Error-Type"] or "",
                "millisecondsLeft": invocation.deadline - int(time.time() * 1000),
            }
            changed.notify_all()
        self.answer(202, {"status": "OK"})

    def invoke(self, query):
        invocation = Invocation(self.body(), float(query.get("seconds", ["10"])[0]))
        with changed:
            queue.append(invocation)
            changed.notify_all()
            changed.wait_for(lambda: invocation.outcome, PATIENCE_SECONDS)
        self.answer(200 if invocation.outcome else 504, invocation.outcome)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, *_):
        pass  # Functions that end are what some tests are about.


def start_instances(port, executable, count, environment):
    own = "127.0.0.1:%d" % port
    environment = dict(
        json.loads(environment), AWS_LAMBDA_RUNTIME_API=own, TFC_ADDRESS="http://" + own
    )
    return [
        subprocess.Popen(
            [executable], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        for _ in range(int(count))
    ]


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    instances = start_instances(port, *sys.argv[1:]) if len(sys.argv) > 1 else []
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.buffer.read()
    for instance in instances:
        instance.kill()


main()
