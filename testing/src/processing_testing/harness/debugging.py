"""A client of the debug adapter protocol, as in an editor: it stops a program and the processes that it starts."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

ANSWER_TIMEOUT = 60.0  # seconds


class Debugger:
    """Attaches to a program under debugpy and to all its processes, and records where they stop at the breakpoint.

    :param port: where debugpy listens on this machine.
    :param path: the file of the breakpoint.
    :param line: its line in the file, from 1.
    """

    def __init__(self, port: int, path: str, line: int) -> None:
        self._breakpoint = {"source": {"path": path}, "breakpoints": [{"line": line}]}
        self.stops: list[
            tuple[int | None, str, int]
        ] = []  # the process (None: the program), its function, and the line
        self.refused: list[Any] = []  # responses to requests that failed
        self._threads: list[threading.Thread] = []
        self._attach(port, None, {"justMyCode": False, "subProcess": True})

    def join(self) -> None:
        """Wait until all sessions are over."""
        for thread in self._threads:  # the list grows meanwhile
            thread.join()

    def _attach(self, port: int, pid: int | None, arguments: dict[str, Any]) -> None:
        session = _Session(port)
        self._threads.append(threading.Thread(target=self._follow, args=(session, pid, arguments)))
        self._threads[-1].start()

    def _follow(self, session: _Session, pid: int | None, arguments: dict[str, Any]) -> None:
        with session:
            session.ask("initialize", adapterID="processing", pathFormat="path", linesStartAt1=True)
            session.ask("attach", **arguments)
            while (message := session.receive()).get("event") != "terminated":
                if message["type"] == "event":
                    self._handle(session, message["event"], message.get("body", {}))
                elif not message.get("success", True):
                    self.refused.append(message)
                elif message["command"] == "stackTrace":
                    frame = message["body"]["stackFrames"][0]
                    self.stops.append((pid, frame["name"], frame["line"]))
                    session.ask("continue", threadId=session.stopped)

    def _handle(self, session: _Session, event: str, body: dict[str, Any]) -> None:
        if event == "initialized":
            session.ask("setBreakpoints", **self._breakpoint)
            session.ask("configurationDone")
        elif event == "debugpyAttach":
            self._attach(body["connect"]["port"], body["subProcessId"], body)
        elif event == "stopped":
            session.stopped = body["threadId"]
            session.ask("stackTrace", threadId=session.stopped, levels=1)


class _Session:
    """Messages to and from one process; each is JSON after its length in bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT)
        self._file = self._socket.makefile("rwb")
        self._asked = 0
        self.stopped = 0  # the thread that stopped last

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: Any) -> None:
        self._asked += 1
        request = {"seq": self._asked, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._file.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._file.flush()

    def receive(self) -> dict[str, Any]:
        """The next answer or event."""
        length = 0
        while header := self._file.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._file.read(length))
        return message
