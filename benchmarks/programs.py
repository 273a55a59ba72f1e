"""Programs of others, unedited: plainly, and by ``python -m processing run``, which must print and write the same.

    python3 -m nox -s programs                    # all of them, with what they need
    python -m benchmarks.programs --rounds 5 black flake8

The two ways take turns. Shown are the medians of the wall time, and whether standard output, standard error, the exit
code and the files that the program wrote are the same. Each run has a fresh copy of its input.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PLAIN, REPLACED = "plain", "replaced"
WAYS = {PLAIN: [], REPLACED: ["-m", "processing", "run"]}
REQUESTS = 300


@dataclass(frozen=True)
class Program:
    """A program and its input.

    :param needs: the modules without which it is left out.
    :param command: what follows the interpreter; ``{port}`` is a free port.
    :param fill: writes the input into a folder.
    :param serves: whether it is a server: it is asked for a page again and again, and then ended by SIGTERM.
    """

    needs: tuple[str, ...]
    command: tuple[str, ...]
    fill: Callable[[Path], object]
    serves: bool = False


@dataclass(frozen=True)
class Run:
    """What a program did."""

    seconds: float
    code: int
    output: list[str]
    files: dict[str, bytes]

    def same_as(self, other: Run) -> bool:
        """Whether both did the same."""
        return (self.code, self.output, self.files) == (other.code, other.output, other.files)


def sources(*packages: str) -> Callable[[Path], object]:
    """Copies of packages of the standard library, for what reads or changes Python code."""

    def fill(folder: Path) -> None:
        for package in packages:
            origin = Path(os.__file__).parent / package
            for file in sorted(origin.glob("*.py")):
                target = folder / package / file.name
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(file.read_bytes())

    return fill


def pages(folder: Path) -> None:
    """A documentation of a hundred pages."""
    (folder / "conf.py").write_text("project = 'pages'\nhtml_theme = 'basic'\n")
    names = [f"page{number}" for number in range(100)]
    (folder / "index.rst").write_text("Pages\n=====\n\n.. toctree::\n\n" + "".join(f"   {name}\n" for name in names))
    for name in names:
        (folder / f"{name}.rst").write_text(f"{name}\n{'=' * len(name)}\n\n" + ":ref:`search` of *words*.\n\n" * 40)


def script(text: str) -> Callable[[Path], object]:
    """A program of a few lines, ``main.py``."""
    return lambda folder: (folder / "main.py").write_text(text)


CROSS_VALIDATION = """
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

if __name__ == "__main__":
    x, y = make_classification(600, random_state=1)
    for depth in range(2, 8):
        print(cross_val_score(RandomForestClassifier(20, max_depth=depth, random_state=1), x, y, n_jobs=2).round(6))
"""

SMALL_TASKS = """
from joblib import Parallel, delayed

if __name__ == "__main__":
    for _ in range(20):
        print(sum(Parallel(n_jobs=2, batch_size=1)(delayed(abs)(-number) for number in range(500))))
"""

PANDARALLEL = """
import pandas
from pandarallel import pandarallel

if __name__ == "__main__":
    pandarallel.initialize(nb_workers=2, verbose=0)
    frame = pandas.DataFrame({"a": range(20000), "b": range(20000)})
    print(frame.parallel_apply(lambda row: row.a * row.b, axis=1).sum())
"""

PROCESS_MAP = """
from tqdm.contrib.concurrent import process_map

if __name__ == "__main__":
    print(sum(process_map(abs, range(-3000, 0), max_workers=2, chunksize=1, disable=True)))
"""

NANNIES = """
from dask.distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        print(sum(client.gather(client.map(abs, range(-2000, 0)))))
"""

EXECUTOR = """
import os
from concurrent.futures import ProcessPoolExecutor

def length(path):
    with open(path, "rb") as file:
        return len(file.read())

if __name__ == "__main__":
    folder = os.path.dirname(os.__file__)
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    files = [file for file in files if os.path.exists(file)]  # a distribution's may have links that lead nowhere
    with ProcessPoolExecutor(2) as executor:
        print(sum(executor.map(length, files * 20)))
"""


def application(folder: Path) -> None:
    """A page for both kinds of servers, and the settings of one."""
    (folder / "page.py").write_text(
        "def wsgi(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '2')])\n"
        "    return [b'ok']\n\n"
        "async def asgi(scope, receive, send):\n"
        "    if scope['type'] == 'http':\n"
        "        head = {'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'2')]}\n"
        "        await send(head)\n"
        "        await send({'type': 'http.response.body', 'body': b'ok'})\n"
    )


MAIN = ("main.py",)
UVICORN = ("-m", "uvicorn", "page:asgi", "--workers", "2", "--port", "{port}", "--no-access-log", "--lifespan", "off")
GUNICORN = ("-m", "gunicorn", "page:wsgi", "--workers", "2", "--bind", "127.0.0.1:{port}", "--no-control-socket")

PROGRAMS = {
    "black": Program(("black",), ("-m", "black", "--workers", "2", "."), sources("json", "asyncio")),
    "flake8": Program(("flake8",), ("-m", "flake8", "--jobs", "2", "."), sources("json", "asyncio")),
    "pylint": Program(("pylint",), ("-m", "pylint", "--jobs", "2", "--errors-only", "json"), sources("json")),
    "yapf": Program(("yapf",), ("-m", "yapf", "--parallel", "--diff", "--recursive", "."), sources("json", "email")),
    "sphinx": Program(("sphinx",), ("-m", "sphinx", "--jobs", "2", "-q", "-b", "text", ".", "out"), pages),
    "scikit-learn": Program(("sklearn",), MAIN, script(CROSS_VALIDATION)),
    "joblib, small tasks": Program(("joblib",), MAIN, script(SMALL_TASKS)),
    "pandarallel": Program(("pandarallel",), MAIN, script(PANDARALLEL)),
    "tqdm's process_map": Program(("tqdm",), MAIN, script(PROCESS_MAP)),
    "ProcessPoolExecutor.map": Program((), MAIN, script(EXECUTOR)),
    "Dask's nannies": Program(("distributed",), MAIN, script(NANNIES)),
    "uvicorn": Program(("uvicorn",), UVICORN, application, serves=True),
    "gunicorn": Program(("gunicorn",), GUNICORN, application, serves=True),
}


def run(program: Program, way: str) -> Run:
    """Run a program in a fresh folder."""
    with tempfile.TemporaryDirectory(prefix="program-") as name:
        folder = Path(name)
        program.fill(folder)
        port = str(free_port())
        command = [sys.executable, *WAYS[way], *(word.format(port=port) for word in program.command)]
        begin = time.perf_counter()
        with subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                if program.serves:
                    ask(int(port), process)
                output = process.communicate()[0]
            except BaseException:  # else the end of the block would wait for it
                process.kill()
                raise
        seconds = time.perf_counter() - begin
        lines = sorted(normal(line, folder, port) for line in output.splitlines())
        for cache in [*folder.rglob("__pycache__"), *folder.rglob(".doctrees")]:
            shutil.rmtree(cache)
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return Run(seconds, process.returncode, lines, files)


def normal(line: str, folder: Path, port: str) -> str:
    """A line without what differs from run to run."""
    line = line.replace(str(folder), "FOLDER").replace(port, "PORT")
    return re.sub(r"\[[^\]]*[+-]\d{4}\]|\b\d+(\.\d+)?s\b|(?<=[\[(])\d+(?=[\])])|(?<=pid: )\d+", "N", line)


def free_port() -> int:
    """A port on which a server may listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, server: subprocess.Popen[str]) -> None:
    """Ask a server for a page many times, once it listens, and end it."""
    while server.poll() is None:
        try:
            for _ in range(REQUESTS):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"ok"
                connection.close()
        except ConnectionRefusedError:
            time.sleep(0.02)  # it does not listen yet
        else:
            break
    server.send_signal(signal.SIGTERM)


def compare(name: str, rounds: int) -> str:
    """A program's row of the table."""
    program = PROGRAMS[name]
    if not all(importlib.util.find_spec(module) for module in program.needs):
        return f"| {name} | absent | | | |"
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in sorted(WAYS, reverse=number % 2 == 1):
            runs[way].append(run(program, way))
    times = {way: median(done.seconds for done in runs[way]) for way in WAYS}
    same = all(done.same_as(runs[PLAIN][0]) for way in WAYS for done in runs[way])
    ratio = times[REPLACED] / times[PLAIN]
    return f"| {name} | {times[PLAIN]:.2f} s | {times[REPLACED]:.2f} s | {ratio:.2f} | {'yes' if same else 'NO'} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a program did not do the same."""
    parser = argparse.ArgumentParser("benchmarks.programs", description="Programs of others, unedited.")
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(PROGRAMS)
    if unknown:
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    print("| Program | multiprocessing | processing | ratio | same output |", "|---|---|---|---|---|", sep="\n")
    rows = []
    for name in options.names or PROGRAMS:
        rows.append(compare(name, options.rounds))
        print(rows[-1], flush=True)
    return any(row.endswith("| NO |") for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
