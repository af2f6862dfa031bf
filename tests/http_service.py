"""A small real HTTP server that answers as a recommender, with troubles on request."""

import base64
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from vrbench.testing.service import likes_green


class Service(ThreadingHTTPServer):
    """Likes green; ``troubles`` are statuses, or seconds of silence, to begin with."""

    daemon_threads = True

    def __init__(self, answer=likes_green, gives="scores", troubles=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.gives, self.troubles = answer, gives, list(troubles)
        self.heard, self.bodies, self.extra = [], [], {}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/rank"

    def handle_error(self, request, client_address):
        """Say nothing: who was slow is not listened to any more."""


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shop = self.server
        shop.heard.append(dict(self.headers))
        shop.bodies.append(body)
        trouble = shop.troubles.pop(0) if shop.troubles else 200
        if isinstance(trouble, float):
            threading.Event().wait(trouble)
            trouble = 200
        if trouble == "cut":
            self.close_connection = True
            return
        said = b""
        if trouble == 200:
            pictures = {
                item: np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))
                for item, png in body["pictures"].items()
            }
            found = shop.answer(body["users"], body["items"], pictures)
            said = json.dumps({shop.gives: found} | shop.extra).encode()
        self.send_response(trouble)
        if trouble == 429:
            self.send_header("Retry-After", "7")
        if trouble == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args):
        pass
