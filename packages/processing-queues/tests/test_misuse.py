"""Misuse raises what ``multiprocessing`` raises for it: the same lines, run with both modules."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from functools import cache

import pytest

PROLOGUE = """
import json, sys
if sys.argv[1] == "multiprocessing":
    import multiprocessing.connection as c
    import multiprocessing as m
else:
    import processing_core, processing_queues as c
    m = processing_core.get_context()

def closed(duplex=True):
    ours, theirs = m.Pipe(duplex)
    ours.close()
    return ours

def abandoned():
    ours, theirs = m.Pipe()
    theirs.close()
    return ours

def sent(message):
    ours, theirs = m.Pipe()
    theirs.send_bytes(message)
    return ours

def closed_queue(queue):
    queue.close()
    return queue

def closed_listener():
    listener = c.Listener()
    listener.close()
    return listener

ours, theirs = m.Pipe()
receiver, sender = m.Pipe(False)
"""

LINES = """
ours.send_bytes(b"abc", -1)
ours.send_bytes(b"abc", 4)
ours.send_bytes(b"abc", 0, -1)
ours.send_bytes(b"abc", 1, 4)
ours.send_bytes("abc")
ours.send_bytes(None)
ours.recv_bytes(-1)
ours.recv_bytes("1")
sent(b"12345").recv_bytes(2)
sent(b"12345").recv_bytes_into(bytearray(3))
ours.recv_bytes_into(bytearray(3), -1)
ours.recv_bytes_into(bytearray(3), 4)
sent(b"12345").recv_bytes_into(bytes(9))
ours.recv_bytes_into("abc")
ours.poll("1")
receiver.send(1)
receiver.send_bytes(b"")
sender.recv()
sender.recv_bytes()
sender.recv_bytes_into(bytearray(3))
sender.poll()
closed().send(1)
closed().recv()
closed().send_bytes(b"")
closed().recv_bytes()
closed().recv_bytes_into(bytearray(3))
closed().poll()
closed().fileno()
closed(False).send(1)
abandoned().recv()
abandoned().recv_bytes()
abandoned().send(1)
c.Connection(-1)
c.Connection(3, readable=False, writable=False)
c.wait([1.5], 0)
c.wait([None], 0)
c.wait([closed()], 0)
c.wait(12)
c.Listener(12)
c.Listener(("localhost", 0), "AF_UNIX")
c.Listener("/no/such/folder/file")
c.Listener(authkey=12)
c.Client(12)
c.Client("/no/such/file")
c.Client(("localhost", 1))
closed_listener().accept()
c.deliver_challenge(ours, 12)
c.answer_challenge(ours, 12)
m.JoinableQueue().task_done()
m.JoinableQueue(1).get_nowait()
closed_queue(m.JoinableQueue()).put(1)
closed_queue(m.SimpleQueue()).put(1)
closed_queue(m.SimpleQueue()).get()
m.SimpleQueue(3)
""".strip().splitlines()

OF_POLLING = {"c.wait([1.5], 0)", "c.wait([None], 0)"}
"""Where multiprocessing waits for handles it raises AttributeError; `test_wait` tells what ours raises everywhere."""

EPILOGUE = """
found = {}
for line in json.loads(sys.argv[2]):
    try:
        eval(line)
    except Exception as error:
        found[line] = [cls.__name__ for cls in type(error).__mro__]
    else:
        found[line] = []
print(json.dumps(found))
"""


@cache
def errors_of(module: str) -> dict[str, list[str]]:
    """The classes of what each line raises, the nearest first."""
    command = [sys.executable, "-W", "ignore", "-c", PROLOGUE + EPILOGUE, module, json.dumps(LINES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("line", LINES)
def test_the_same_error(line: str) -> None:
    if line in OF_POLLING and not hasattr(select, "poll"):
        pytest.skip("multiprocessing does not look for what has no descriptor here")
    theirs, ours = errors_of("multiprocessing")[line], errors_of("processing")[line]
    assert theirs, "multiprocessing raises nothing"
    assert theirs[0] in ours
