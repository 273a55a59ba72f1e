"""What workers have of their own: threads of numerical libraries, environment, directory, processors, title."""

import ctypes
import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_pool import Pool, PoolBroken, ProcessPoolExecutor, worker_id
from processing_pool.lowlevel import usable_cpus
from processing_testing.harness.mechanisms import START_METHODS, needs_forks, needs_process_files

METHODS = START_METHODS
VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]


@pytest.fixture(params=METHODS)
def context(request: pytest.FixtureRequest) -> Any:
    return processing_core.get_context(request.param)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith("NUM_THREADS") or name == "VECLIB_MAXIMUM_THREADS":
            monkeypatch.delenv(name)


def variables(_: object = None) -> list[str | None]:
    return [os.environ.get(name) for name in VARIABLES]


def processors(pid: int = 0) -> list[int]:
    """Those that a process may run on; on Windows this one."""
    if sys.platform != "win32":
        return sorted(os.sched_getaffinity(pid))
    mine, all_of_them = ctypes.c_size_t(), ctypes.c_size_t()
    process = ctypes.c_void_p(-1)
    assert ctypes.windll.kernel32.GetProcessAffinityMask(process, ctypes.byref(mine), ctypes.byref(all_of_them))
    return [number for number in range(64) if mine.value >> number & 1]


def surroundings(name: str) -> tuple[int | None, str | None, str, list[int]]:
    return worker_id(), os.environ.get(name), os.getcwd(), processors()


def numbered(number: int) -> dict[str, str]:
    return {"WORKER": f"number {number}"}


def one_processor(number: int) -> list[int]:
    usable = processors(os.getppid())
    return [usable[number % len(usable)]]


def fail(number: int) -> dict[str, str]:
    raise LookupError(f"no variables for {number}")


class TestThreads:
    def test_workers_share_the_processors(self, context: Any) -> None:
        with Pool(2, context=context) as pool:
            assert pool.apply(variables) == [str(max(1, usable_cpus() // 2))] * 3

    def test_a_given_number_holds_against_the_environment(self, context: Any, monkeypatch: Any) -> None:
        monkeypatch.setenv("MKL_NUM_THREADS", "7")
        with Pool(1, context=context, threads_per_worker=3) as pool:
            assert pool.apply(variables) == ["3"] * 3

    def test_what_the_user_has_chosen_stays(self, context: Any, monkeypatch: Any) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", "5")
        with Pool(1, context=context) as pool:
            assert pool.apply(variables)[0] == "5"

    def test_none_leaves_it_to_the_libraries(self, context: Any) -> None:
        with Pool(1, context=context, threads_per_worker=None) as pool:
            assert pool.apply(variables) == [None] * 3

    def test_the_workers_of_an_executor_share_them_too(self, context: Any) -> None:
        with ProcessPoolExecutor(usable_cpus(), context) as executor:
            assert executor.submit(variables).result() == ["1"] * 3

    def test_the_program_itself_keeps_its_environment(self, context: Any) -> None:
        with Pool(1, context=context, threads_per_worker=1, environment={"WORKER": "a"}) as pool:
            pool.apply(variables)
        assert variables() == [None] * 3
        assert "WORKER" not in os.environ

    @pytest.mark.parametrize(
        ("number", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("three", TypeError)]
    )
    def test_what_is_no_number_of_threads(self, number: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=f"threads_per_worker.*{number}"):
            Pool(1, threads_per_worker=number)


LOADED = """
import os, sys
{imports}
import processing_core
from processing_pool import Pool

AT_IMPORT = os.environ.get("OMP_NUM_THREADS")

def limits():
    import numpy, threadpoolctl
    return AT_IMPORT, [library["num_threads"] for library in threadpoolctl.threadpool_info()]

if __name__ == "__main__":
    context = processing_core.get_context(sys.argv[1])
    with Pool({options}) as pool:
        at_import, numbers = pool.apply(limits)
    print(at_import, sorted(set(numbers)))
"""


@pytest.mark.parametrize(
    "options", ["1, context=context, threads_per_worker=1", "len(os.sched_getaffinity(0)), context=context"]
)
@pytest.mark.parametrize("imports", ["", "import numpy"])
@pytest.mark.parametrize("method", METHODS)
def test_libraries_are_limited_whether_or_not_they_were_loaded_before(
    tmp_path: Path, method: str, imports: str, options: str
) -> None:
    pytest.importorskip("numpy")
    pytest.importorskip("threadpoolctl")
    program = tmp_path / "program.py"
    program.write_text(LOADED.format(imports=imports, options=options))
    variables = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    result = subprocess.run(
        [sys.executable, str(program), method], capture_output=True, text=True, check=False, env=variables
    )
    # A child that is no copy runs the main module after it has got its variables.
    expected = {"fork": "None"}.get(method, "1")
    if method == "forkserver":
        expected = result.stdout.split()[0]  # a spare may have run it before it was asked for
    assert (result.stdout, result.stderr) == (f"{expected} [1]\n", "")


def printed(folder: Path, source: str) -> str:
    """What a program prints that has numerical libraries."""
    pytest.importorskip("numpy")
    pytest.importorskip("threadpoolctl")
    program = folder / "program.py"
    program.write_text(source)
    result = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


FORKED = """
import os, numpy, threadpoolctl
from threadpoolctl import ThreadpoolController as Controller
from processing_core import get_context
from processing_pool import Pool

def numbers():
    return {library["num_threads"] for library in Controller().info()}

def in_worker(_):
    return numbers(), os.getpid() == searching

class Counted(Controller):
    def __init__(self):
        global searching
        searching = os.getpid()
        super().__init__()

if __name__ == "__main__":
    threadpoolctl.ThreadpoolController = Counted
    with Pool(2, context=get_context("fork"), threads_per_worker=1) as pool:
        print(set(map(str, pool.map(in_worker, range(20)))))
"""


@needs_forks
def test_forked_workers_do_not_search_for_libraries_again(tmp_path: Path) -> None:
    assert printed(tmp_path, FORKED) == "{'({1}, False)'}\n"


REPLACED = """
import numpy, threadpoolctl
from processing_core import get_context
from processing_pool import Pool

def numbers(_):
    return {library["num_threads"] for library in threadpoolctl.threadpool_info()}

if __name__ == "__main__":
    with Pool(2, context=get_context("fork"), threads_per_worker=1, maxtasksperchild=1) as pool:
        print([pool.apply(numbers, (0,)) for _ in range(6)])
"""


@needs_forks
def test_workers_that_replace_others_have_the_limit(tmp_path: Path) -> None:
    assert printed(tmp_path, REPLACED) == f"{6 * [{1}]}\n"


THREADS = """
import os, signal, numpy
from processing_core import get_context
from processing_pool import Pool

def in_worker(_):
    return len(os.listdir("/proc/self/task")), os.getpid() in told

def tell(*_):
    told.add(os.getpid())

told = set()

if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, tell)
    for threads in (None, 1):
        with Pool(1, context=get_context("fork"), threads_per_worker=threads) as pool:
            print(pool.apply(in_worker, (0,)))
"""


@needs_forks
@needs_process_files
def test_the_limit_leaves_no_threads_of_the_libraries_behind(tmp_path: Path) -> None:
    unlimited, limited = printed(tmp_path, THREADS).splitlines()
    assert limited == unlimited and limited.endswith(", False)")


class TestEnvironment:
    def test_variables_for_all_workers(self, context: Any) -> None:
        with Pool(1, context=context, environment={"WORKER": "a b"}) as pool:
            assert pool.apply(surroundings, ("WORKER",))[1] == "a b"

    def test_variables_for_each_worker(self, context: Any) -> None:
        with Pool(2, context=context, environment=numbered) as pool:
            found = pool.map(surroundings, ["WORKER"] * 20, chunksize=1)
        assert all(variable == f"number {number}" for number, variable, *_ in found)

    def test_a_worker_that_replaces_another_has_them_too(self, context: Any) -> None:
        with Pool(1, context=context, environment=numbered, maxtasksperchild=1) as pool:
            assert [pool.apply(surroundings, ("WORKER",))[1] for _ in range(3)] == ["number 0"] * 3

    def test_what_a_function_raises_breaks_the_pool_and_is_its_cause(self, context: Any) -> None:
        with Pool(1, context=context, environment=fail) as pool, pytest.raises(PoolBroken) as broken:
            pool.apply(variables)
        assert isinstance(broken.value.__cause__, LookupError)

    @pytest.mark.parametrize(
        ("given", "error"),
        [({"A": 1}, TypeError), ({1: "A"}, TypeError), ({"": "A"}, ValueError), ({"A=B": ""}, ValueError)],
    )
    def test_what_is_no_environment(self, given: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="environment"):
            Pool(1, environment=given)


class TestDirectoryAndProcessors:
    def test_directory(self, context: Any, tmp_path: Path) -> None:
        with Pool(1, context=context, directory=tmp_path) as pool:
            assert pool.apply(surroundings, ("A",))[2] == os.path.realpath(tmp_path)

    def test_a_relative_directory_is_the_callers(self, context: Any, tmp_path: Path, monkeypatch: Any) -> None:
        (tmp_path / "inner").mkdir()
        monkeypatch.chdir(tmp_path)
        with Pool(1, context=context, directory="inner") as pool:
            assert pool.apply(surroundings, ("A",))[2] == os.path.realpath(tmp_path / "inner")

    def test_a_directory_that_is_not_there_breaks_the_pool(self, context: Any, tmp_path: Path) -> None:
        with Pool(1, context=context, directory=tmp_path / "none") as pool, pytest.raises(PoolBroken) as broken:
            pool.apply(variables)
        assert isinstance(broken.value.__cause__, FileNotFoundError)

    def test_processors_for_all_workers(self, context: Any) -> None:
        first = min(processors())
        with Pool(1, context=context, affinity=[first, first]) as pool:
            assert pool.apply(surroundings, ("A",))[3] == [first]

    def test_processors_for_each_worker(self, context: Any) -> None:
        with Pool(2, context=context, affinity=one_processor) as pool:
            found = pool.map(surroundings, ["A"] * 20, chunksize=1)
        usable = processors()
        assert all(number is not None and cpus == [usable[number % len(usable)]] for number, *_, cpus in found)

    @pytest.mark.parametrize(("given", "error"), [([], ValueError), (["a"], TypeError), (3, TypeError)])
    def test_what_is_no_set_of_processors(self, given: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            Pool(1, affinity=given)


PROGRAM = """
import sys
import processing_core
from processing_pool import Pool

def titles(_=None):
    with open("/proc/self/comm") as short, open("/proc/self/cmdline") as long:
        return short.read().strip(), long.read().replace(chr(0), " ").strip()

if __name__ == "__main__":
    with Pool(1, context=processing_core.get_context(sys.argv[1])) as pool:
        print(*pool.apply(titles), sep="\\n")
"""

SETPROCTITLE = """
def setproctitle(title):
    with open("/proc/self/comm", "w") as file:
        file.write("T" + title[-8:])
"""


@needs_process_files
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("installed", [False, True])
def test_system_tools_show_what_a_worker_is(tmp_path: Path, method: str, installed: bool) -> None:
    (tmp_path / "count.py").write_text(PROGRAM)
    if installed:
        (tmp_path / "setproctitle.py").write_text(SETPROCTITLE)
    elif find_spec("setproctitle") is not None:
        pytest.skip("setproctitle is installed")
    result = subprocess.run(
        [sys.executable, "count.py", method], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.stderr == ""
    assert result.stdout.splitlines()[0] == ("Tcount.py" if installed else "worker 0 of cou")


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_can_import_nothing_more(method: str, tmp_path: Path) -> None:
    """Each task fails for itself, and its error says why; a process tells its exception, too."""
    program = tmp_path / "program.py"  # a module, so that functions travel by name
    text = """
        import os, sys
        import processing_core
        from processing_pool import Pool

        class ImportsNothing:  # as if the process had become another user, who cannot read the library
            @staticmethod
            def find_spec(name, path=None, target=None):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        def import_no_more():
            sys.meta_path[:] = [ImportsNothing]

        def fail(_=None):
            import_no_more()
            raise ValueError("of the task")

        def return_a_generator(_=None):
            return (number for number in range(3))

        def failures(pool, function):
            for result in (pool.apply_async(function), pool.map_async(function, [1])):
                try:
                    result.get(30)
                except Exception as error:
                    yield error

        if __name__ == "__main__":
            context = processing_core.get_context(sys.argv[1])
            with Pool(1, initializer=import_no_more, context=context) as pool:
                worker = pool.apply(os.getpid)
                for error in failures(pool, fail):
                    assert type(error) is ValueError and str(error) == "of the task", repr(error)
                    assert "in fail" in str(error.__cause__), error.__cause__
                for error in failures(pool, return_a_generator):
                    assert "generator" in str(error), repr(error)
                assert pool.apply(os.getpid) == worker
            process = context.Process(target=fail)
            process.start()
            process.join()
            assert process.exitcode == 1
            assert str(process.exception) == "of the task", process.exception
        """
    program.write_text(textwrap.dedent(text))
    subprocess.run([sys.executable, str(program), method], check=True, timeout=60)


def test_no_file_is_read_in_the_encoding_of_the_locale() -> None:
    """`EncodingWarning` is for the program's own files."""
    program = """
        import os
        from processing_core._introspection import processes
        from processing_pool import Pool

        with Pool(1) as pool:
            assert pool.apply(os.getpid) != os.getpid()
        processes.process_info(os.getpid())
        processes.catches_signals(os.getpid())
        """
    options = "-X", "warn_default_encoding", "-W", "error::EncodingWarning"
    command = [sys.executable, *options, "-c", textwrap.dedent(program)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")
