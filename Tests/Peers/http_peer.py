"""An HTTP server on loopback that behaves as its paths say, for the tests of the HTTP client.

Prints one JSON line with the port once it listens, and ends when its standard input closes.
With --tls it speaks HTTPS under a certificate of a CA made for this run, and names the CA's file.
"""

import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

CREDENTIALS = {
    "AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}

lock = threading.Condition()
counts = {}
held = set()


def count(name):
    with lock:
        counts[name] = counts.get(name, 0) + 1
        lock.notify_all()
        return counts[name]


def signature_report(handler, body):
    """Signs the request that came in with botocore, at the time it states, and compares."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    words = handler.headers["Authorization"].replace(",", " ").split()
    fields = dict(word.split("=", 1) for word in words[1:])
    key, _, region, service, _ = fields["Credential"].split("/")
    signed = fields["SignedHeaders"].split(";")
    request = AWSRequest(
        method=handler.command,
        url="http://" + handler.headers["Host"] + handler.path,
        data=body,
        headers={name: handler.headers[name] for name in signed},
    )
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(key, CREDENTIALS[key]), service, region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    amazon = [name.lower() for name in handler.headers if name.lower().startswith("x-amz-")]
    return {
        "match": auth.signature(text, request) == fields["Signature"],
        "unsigned": [name for name in amazon if name not in signed],
        "token": handler.headers["X-Amz-Security-Token"],
        "scope": service + "/" + region,
        "length": len(body),
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            # Else the client may use it again before it hears that it is closed.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def vanish(self):
        """Closes the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        verb, *rest = self.path.lstrip("/").split("/")
        argument = rest[0] if rest else ""
        if verb == "echo":
            self.answer(
                200,
                {
                    "method": self.command,
                    "body": body.decode("latin-1"),
                    "headers": [[name, value] for name, value in self.headers.items()],
                    "connection": self.client_address[1],
                    "resumed": getattr(self.connection, "session_reused", False),
                },
                [("X-Twice", "one"), ("X-Twice", "two")],
            )
        elif verb == "status":
            self.answer(int(argument), b"as asked")
        elif verb == "bytes":
            self.answer(200, b"x" * int(argument))
        elif verb == "long-header":
            self.answer(200, b"", [("X-Long-%d" % i, "y" * 8000) for i in range(int(argument))])
        elif verb == "redirect":
            self.answer(302, b"", [("Location", "/count/" + argument)])
        elif verb == "count":
            count(argument)
            self.answer(200)
        elif verb == "counted":
            self.answer(200, {"count": counts.get(argument, 0)})
        elif verb == "hold":
            # Never answers; ends when the client goes away.
            with lock:
                held.add(argument)
                lock.notify_all()
            self.connection.recv(1)
            with lock:
                held.discard(argument)
                lock.notify_all()
            self.close_connection = True
        elif verb == "held":
            with lock:
                ok = lock.wait_for(lambda: argument in held, timeout=10)
            self.answer(200 if ok else 504)
        elif verb == "let-go":
            with lock:
                ok = lock.wait_for(lambda: argument not in held, timeout=10)
            self.answer(200 if ok else 504)
        elif verb == "half":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"z" * 10)
            self.wfile.flush()
            self.vanish()
        elif verb == "vanish":
            count(argument)
            self.vanish()
        elif verb == "vanish-once":
            if count(argument) == 1:
                self.vanish()
            else:
                self.answer(200, b"second time")
        elif verb == "signature":
            self.answer(200, signature_report(self, body))
        else:
            self.answer(404)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_):
        pass  # Clients that go away are what many tests are about.


def certificates(folder):
    """A CA and a certificate for this machine's loopback names, made with openssl."""

    def run(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA")
    run("req", *key[:3], "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run(
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    )


def main():
    folder = None
    ready = {}
    server = Server(("127.0.0.1", 0), Handler)
    if "--tls" in sys.argv:
        folder = tempfile.mkdtemp()
        certificates(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
        # The handshake is made by the connection's own thread.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        ready["ca"] = folder + "/ca.pem"
    ready["port"] = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(ready), flush=True)
    sys.stdin.buffer.read()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


main()
