"""A publisher on loopback that serves files well or badly, as a test orders."""

import re
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher:
    """Serves `files` below `address`. For each file, `moods` holds how its next requests are answered, in order.

    A mood is a function that gets the request's handler, the file's content and the first byte asked for; when
    none is left, the file is served as HTTP wants it. `asked` lists (file, first byte asked for).
    """

    def __init__(self, files=None):
        self.files = dict(files or {})
        self.moods = defaultdict(list)
        self.asked = []
        self.released = threading.Event()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rsplit("/", 1)[-1]
                wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                first = int(wanted[1]) if wanted else 0
                publisher.asked.append((name, first))
                moods = publisher.moods[name]
                mood = moods.pop(0) if moods else well
                mood(self, publisher.files.get(name), first)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # clients that go away are part of these tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.mood_publisher = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/data/"

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def well(handler, content, first):
    if content is None:
        return answer(404)(handler, content, first)
    if first and first >= len(content):
        return answer(416)(handler, content, first)
    handler.send_response(206 if first else 200)
    if first:
        handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - first))
    handler.end_headers()
    handler.wfile.write(content[first:])


def breaks_off_after(count):
    """Promises all, sends so many bytes from the first that was asked for, and hangs up."""

    def mood(handler, content, first):
        handler.send_response(206 if first else 200)
        if first:
            handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - first))
        handler.end_headers()
        handler.wfile.write(content[first : first + count])

    return mood


def ignores_range(handler, content, first):
    well(handler, content, 0)


def mistakes_range(handler, content, first):
    """Answers with another part than the one asked for."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {first + 1}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - first - 1))
    handler.end_headers()
    handler.wfile.write(content[first + 1 :])


def promises(length):
    """Tells another length than the file has, and sends the file."""

    def mood(handler, content, first):
        handler.send_response(200)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(content)

    return mood


def without_length(content):
    """Sends these bytes and no word of how many they are."""

    def mood(handler, _, first):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return mood


def damaged(handler, content, first):
    """The right length, a wrong byte in the middle of what is sent."""
    place = (first + len(content)) // 2
    well(handler, content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], first)


def answer(code):
    def mood(handler, content, first):
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return mood


def hangs_after(count):
    """Sends so many bytes and then nothing, without hanging up, until the publisher closes."""

    def mood(handler, content, first):
        handler.send_response(206 if first else 200)
        if first:
            handler.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - first))
        handler.end_headers()
        handler.wfile.write(content[first : first + count])
        handler.wfile.flush()
        handler.server.mood_publisher.released.wait()

    return mood
