"""A host of files for the tests, on this machine, that can be told to misbehave."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Host:
    """files: content by path. requests: (path, Range header) of each request, in order.

    breaks_after: bytes after which a connection ends too early, each time. stalls: send nothing
    more then, but keep the connection. ranges: whether partial requests are understood. page: sent
    in place of every file, as by a network that wants a login; kind: its Content-Type. length:
    whether Content-Length is told. piece: bytes that are sent at a time.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    breaks_after: int | None = None
    stalls: bool = False
    ranges: bool = True
    page: bytes | None = None
    kind: str | None = None
    length: bool = True
    piece: int | None = None
    done: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving() -> Iterator[Host]:
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            host.requests.append((self.path, asked))
            content = host.files.get(self.path.split("?")[0])
            if content is None:
                self.send_error(404)
                return
            if host.page is not None:
                content, asked = host.page, None
            first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and host.ranges else 0
            if first and first >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            rest = content[first:]
            self.send_response(206 if first else 200)
            if host.length:
                self.send_header("Content-Length", str(len(rest)))
            if host.kind:
                self.send_header("Content-Type", host.kind)
            self.end_headers()
            rest = rest[: host.breaks_after]
            step = host.piece or len(rest) or 1
            for at in range(0, len(rest), step):
                self.wfile.write(rest[at : at + step])
                self.wfile.flush()
            if host.stalls:
                self.wfile.flush()
                host.done.wait(30)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        host.done.set()
        server.shutdown()
        server.server_close()
