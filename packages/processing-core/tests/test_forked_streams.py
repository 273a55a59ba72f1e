"""A child is forked while another thread of its parent writes to a stream, and holds the stream's lock."""

from __future__ import annotations

import sys

import pytest

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

STREAMS = {
    "stdout": ("sys.stdout = stream", "print('of the child')"),
    "stderr": ("sys.stderr = stream", "print('of the child', file=sys.stderr)"),
    "a log": (
        "logging.getLogger().addHandler(logging.StreamHandler(stream))",
        "logging.error('of the child')",
    ),
}

PROGRAM = """
import fcntl, logging, os, struct, sys, termios, threading, time, warnings
from processing_core import get_context

warnings.simplefilter("ignore")
LETTERS = 1_000_000
reading, writing = os.pipe()
stream = open(writing, "w")
{use}
go, armed = threading.Event(), False

def is_full():
    there = struct.unpack("i", fcntl.ioctl(reading, termios.FIONREAD, bytes(4)))[0]
    return there == fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)

def until_the_other_writes():
    if armed:
        go.set()
        while not is_full():
            time.sleep(0.001)

def of_child():
    {write}

def start_and_read():
    global armed
    os.register_at_fork(before=until_the_other_writes)
    process = get_context("fork").Process(target=of_child)
    armed = True
    process.start()
    armed = False
    text = b""
    while text.count(b"x") < LETTERS or b"of the child" not in text:
        text += os.read(reading, 1 << 20)
    process.join(20)
    results.append((process.exitcode, text.count(b"x"), text.count(b"of the child")))

results = []
thread = threading.Thread(target=start_and_read)
thread.start()
go.wait()
stream.write("x" * LETTERS)
stream.flush()
thread.join()
sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
assert results == [(0, LETTERS, 1)], results
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the size of a pipe")
@pytest.mark.parametrize("which", STREAMS)
def test_the_child_can_write_to_it(which: str) -> None:
    use, write = STREAMS[which]
    scripts.run(PROGRAM.format(use=use, write=write))
