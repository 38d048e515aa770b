"""What ECS gives every container of a task: metadata, credentials and scale-in protection.

Prints one JSON line with the port once it listens, and ends when its standard input closes.
`GET /record` lists the protection calls it has had. The first argument is the cluster, the second
the service, the third the task's id. `blocked N` after them refuses the first N protections, and
`mute N` answers the first N requests for metadata with the agent's error.

It is HCP Terraform's API too, as far as a sidecar reads it: every run is `errored`, to whoever has
the token `an-api-token`.
"""

import datetime
import http.server
import json
import sys
import threading

CLUSTER, SERVICE, TASK = sys.argv[1:4]
OPTIONS = dict(zip(sys.argv[4::2], map(int, sys.argv[5::2]), strict=True))
REFUSALS = OPTIONS.get("blocked", 0)
MUTE = iter(range(OPTIONS.get("mute", 0)))
ARN = f"arn:aws:ecs:us-east-1:123456789012:task/{CLUSTER}/{TASK}"

record = []


def moment(minutes):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/metadata/task" and next(MUTE, None) is not None:
            self.answer(500, "unable to generate metadata for v4 task")
        elif self.path == "/metadata/task":
            self.answer(
                200,
                {
                    "Cluster": CLUSTER,
                    "TaskARN": ARN,
                    "Family": "agents",
                    "Revision": "1",
                    "ServiceName": SERVICE,
                    "DesiredStatus": "RUNNING",
                    "KnownStatus": "RUNNING",
                    "Containers": [],
                },
            )
        elif self.path == "/credentials":
            self.answer(
                200,
                {
                    "AccessKeyId": "AKIDEXAMPLE",
                    "SecretAccessKey": "secret",
                    "Token": "token/+=",
                    "Expiration": moment(60),
                },
            )
        elif self.path.startswith("/api/v2/runs/"):
            if self.headers["Authorization"] != "Bearer an-api-token":
                self.answer(401, {"errors": [{"status": "401"}]})
                return
            run = self.path.rsplit("/", 1)[1]
            attributes = {"status": "errored"}
            self.answer(200, {"data": {"id": run, "type": "runs", "attributes": attributes}})
        elif self.path == "/record":
            self.answer(200, record)
        else:
            self.answer(404, {})

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        record.append(body["ProtectionEnabled"])
        if body["ProtectionEnabled"] and len(record) <= REFUSALS:
            failure = {"Arn": ARN, "Detail": None, "Reason": "DEPLOYMENT_BLOCKED"}
            self.answer(200, {"failure": failure})
            return
        until = moment(body.get("ExpiresInMinutes", 120)) if body["ProtectionEnabled"] else None
        protection = {
            "ExpirationDate": until,
            "ProtectionEnabled": body["ProtectionEnabled"],
            "TaskArn": ARN,
        }
        self.answer(200, {"protection": protection})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
sys.stdin.read()
