"""A pool by fork replaces its workers while the program's threads write, log, import, and use the standard library.

They do not look up names: glibc's `getaddrinfo` has a lock that another thread of the parent may hold at a fork; then
it hangs in the child. Nothing outside of glibc can free it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from processing_testing.harness.attack import rounds
from processing_testing.harness.mechanisms import needs_forks

PROGRAM = """
import decimal, gc, hashlib, importlib, json, logging, os, random, re, socket, subprocess, sys, tempfile, threading
import time, traceback, warnings, zlib
from processing import get_context, Pool

warnings.simplefilter("ignore")
MODULES = '''
calendar cmd configparser csv difflib doctest email.message filecmp fractions ftplib glob graphlib html.parser
http.client imaplib ipaddress mailbox mimetypes netrc optparse pdb pickletools plistlib pprint profile pydoc
quopri sched secrets shelve shlex smtplib socketserver sqlite3 statistics symtable tarfile timeit tomllib
trace tracemalloc unittest.mock uuid wave webbrowser xml.dom.minidom xmlrpc.client zipfile zoneinfo
'''.split()
log = logging.getLogger("log")
log.addHandler(logging.StreamHandler(open(os.devnull, "w")))

def temporary():
    with tempfile.TemporaryFile() as file:
        file.write(b"x")

def thread():
    other = threading.Thread(target=int)
    other.start()
    other.join()

def failing():
    try:
        1 / 0
    except ZeroDivisionError:
        traceback.format_exc()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("x")

WORK = [
    lambda: print("x" * 100, file=sys.stderr),
    lambda: print("y" * 3000),
    lambda: log.warning("hello %s", 1),
    lambda: importlib.import_module(random.choice(MODULES)),
    lambda: socket.socketpair()[0].close(),
    lambda: subprocess.run(["true"]),
    lambda: hashlib.sha256(zlib.compress(b"x" * 10_000)),
    lambda: (decimal.Decimal(1) / 3, time.strptime("2020", "%Y"), json.dumps({"x": 1})),
    lambda: (re.compile(f"a{random.randrange(1000)}"), random.random(), gc.collect()),
    temporary,
    thread,
    failing,
]

def work(number):
    WORK[number % len(WORK)]()
    return number

def noise():
    while not stop.is_set():
        work(random.randrange(1000))

stop = threading.Event()
threads = [threading.Thread(target=noise, daemon=True) for _ in range(3)]
with Pool(2, context=get_context("fork"), maxtasksperchild=3) as pool:
    for each in threads:
        each.start()
    for first in range(0, int(sys.argv[1]), 30):
        for number, result in [(n, pool.apply_async(work, (n,))) for n in range(first, first + 30)]:
            assert result.get(60) == number
stop.set()
for each in threads:
    each.join(30)
os._exit(5)  # without what the interpreter does at its end: another thread may hold a stream
"""


def read_slowly(stream: IO[bytes]) -> None:
    """So that a thread that writes has to wait, within the write."""
    while stream.read(20_000):
        time.sleep(0.002)


@needs_forks
@pytest.mark.attack
@pytest.mark.watchdog(rounds(120, 1800))
def test_every_task_has_its_result(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(rounds(300, 30_000))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        read_slowly(process.stdout)
    assert process.returncode == 5
