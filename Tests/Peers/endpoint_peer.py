"""What the scale-up endpoint talks to besides DynamoDB: HCP Terraform, and a recorder before ECS.

  PATCH /callback/NAME     a callback; answered when nobody holds it
  GET /api/v2/...          the runs that the test has set
  POST /                   an ECS call: recorded with its time, then passed on to moto

The test itself asks:
  PUT /hold, PUT /release  callbacks wait from now on, or no longer
  PUT /runs                the body is the list of runs from now on
  GET /callbacks           how often each callback came, when at least one does or after 10 s
  GET /updates             the time in seconds and the count of each UpdateService

The one argument is moto's port. Prints one JSON line with its own port once it listens, and ends
when its standard input closes.
"""

import http.client
import http.server
import json
import sys
import threading
import time

lock = threading.Condition()
callbacks = {}
updates = []
runs = []
held = False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", content_type="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_PATCH(self):
        body = json.loads(self.body())
        with lock:
            callbacks.setdefault(self.path, []).append(body["data"]["attributes"]["status"])
            lock.notify_all()
            lock.wait_for(lambda: not held, timeout=30)
        self.answer(200, {})

    def do_POST(self):
        body = self.body()
        target = self.headers.get("X-Amz-Target", "")
        if target.endswith(".UpdateService"):
            with lock:
                updates.append([time.monotonic(), json.loads(body)["desiredCount"]])
        moto = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        moto.request("POST", "/", body, headers)
        answer = moto.getresponse()
        self.answer(answer.status, answer.read(), answer.getheader("Content-Type"))
        moto.close()

    def do_PUT(self):
        global held, runs
        body = self.body()
        with lock:
            if self.path == "/runs":
                runs = json.loads(body)
            else:
                held = self.path == "/hold"
            lock.notify_all()
        self.answer(200, {})

    def do_GET(self):
        if self.path.startswith("/api/v2/organizations/acme/runs?"):
            fine = self.headers.get("Authorization") == "Bearer the-token"
            self.answer(200 if fine else 401, {"data": runs, "meta": {"pagination": {}}})
        elif self.path == "/callbacks":
            with lock:
                lock.wait_for(lambda: callbacks, timeout=10)
                self.answer(200, callbacks)
        elif self.path == "/updates":
            self.answer(200, updates)
        else:
            self.answer(404, {})


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, *_):
        pass  # An endpoint that is stopped leaves connections behind.


def main():
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    sys.stdin.buffer.read()


main()
