"""A web server whose workers accept connections from one listening socket.

    python examples/web_server.py            serves on a free port, asks itself ten times, and ends
    python examples/web_server.py 8000       serves on port 8000 until Ctrl-C

The socket is an argument of the workers, under every start method. A worker that dies is replaced.
"""

from __future__ import annotations

import http.server
import os
import socket
import sys
import urllib.request

import processing

WORKERS = 2


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the id of its process."""

    def do_GET(self) -> None:
        """Answer."""
        body = f"hello from {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def serve(listening: socket.socket) -> None:
    """Answer one connection after the other."""
    server = http.server.HTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.serve_forever()


def start(listening: socket.socket) -> processing.Process:
    """:return: a worker that has been started."""
    worker = processing.Process(target=serve, args=(listening,), daemon=True)
    worker.start()
    return worker


def supervise(listening: socket.socket) -> None:
    """Replace workers that die, until Ctrl-C."""
    workers = [start(listening) for _ in range(WORKERS)]
    try:
        while True:
            ready = processing.wait([worker.sentinel for worker in workers])
            workers = [start(listening) if worker.sentinel in ready else worker for worker in workers]
    except KeyboardInterrupt:
        for worker in workers:
            worker.terminate()


def main(arguments: list[str]) -> None:
    """Serve, or try it."""
    with socket.create_server(("127.0.0.1", int(arguments[0]) if arguments else 0), backlog=128) as listening:
        if arguments:
            supervise(listening)
            return
        workers = [start(listening) for _ in range(WORKERS)]
        address = "http://{}:{}/".format(*listening.getsockname())
        answers = [urllib.request.urlopen(address, timeout=10).read() for _ in range(10)]
        for worker in workers:
            worker.terminate()
            worker.join()
        pids = {int(answer.split()[-1]) for answer in answers}
        print(f"{len(answers)} answers, all from workers: {pids <= {worker.pid for worker in workers}}")


if __name__ == "__main__":
    main(sys.argv[1:])
