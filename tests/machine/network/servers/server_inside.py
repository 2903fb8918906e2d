"""A server with the standard library alone: pages, streams, uploads and WebSockets.

Runs inside a machine: `python3 server_inside.py PORT [ADDRESS]`.
"""

import base64
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_go_on = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.echo_messages()
        elif self.path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.chunk(b"first")
            _go_on.wait(30)
            self.chunk(b"second")
            self.chunk(b"")
        elif self.path == "/go-on":
            _go_on.set()
            self.answer(204)
        elif self.path == "/away":
            self.answer(302, location=f"http://{self.headers['Host']}/here")
        else:
            self.answer(200)

    def do_POST(self):
        self.answer(201, self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status, body=None, location=None):
        about = {"method": self.command, "path": self.path, "headers": dict(self.headers)}
        body = json.dumps(about).encode() if body is None else body
        self.send_response(status)
        self.send_header("Content-Length", "0" if status == 204 else str(len(body)))
        if location:
            self.send_header("Location", location)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def echo_messages(self):
        key = (self.headers["Sec-WebSocket-Key"] + _GUID).encode()
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        while True:
            first, second = self.rfile.read(2)
            size = second & 127
            if size == 126:
                size = int.from_bytes(self.rfile.read(2), "big")
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
            head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
            self.wfile.write(bytes([first]) + head + data)
            if first & 15 == 8:
                self.close_connection = True
                return

    def log_message(self, *words):
        pass


address = sys.argv[2] if len(sys.argv) > 2 else "0.0.0.0"
ThreadingHTTPServer.address_family = 10 if ":" in address else 2
ThreadingHTTPServer((address, int(sys.argv[1])), Handler).serve_forever()
