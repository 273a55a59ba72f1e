"""Each public name that typeshed lists of `multiprocessing` is ours too, and takes what that takes.

The stubs are those that mypy ships.  Differences are listed in `EXCLUSIONS`, each with its reason.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from processing_testing.harness import stubs

MODULES = {
    "multiprocessing": "processing",
    **{
        f"multiprocessing.{name}": f"processing.{name}"
        for name in [
            *("connection", "context", "dummy", "dummy.connection", "forkserver", "heap", "managers", "pool"),
            *("popen_fork", "popen_forkserver", "popen_spawn_posix", "process", "queues", "reduction"),
            *("resource_sharer", "resource_tracker", "shared_memory", "sharedctypes", "spawn", "synchronize", "util"),
        ]
    },
    "concurrent.futures.process": "processing",
}

# By the module's and the name's pattern.  An entry that no difference needs any more is a failure.
EXCLUSIONS = {
    "context.DefaultContext.__init__": "there is one default context, and programs make no other",
    "dummy.connection.Connection.__init__": "`Pipe` makes connections",
    "forkserver.set_forkserver_preload": "one function, with the parameter names of `multiprocessing`'s own",
    "spawn.set_executable": "likewise",
    "forkserver.main": "the server's own side, which the package starts",
    "forkserver.*connect_to_new_process": "the protocol between a process and its server is private",
    "forkserver.read_signed": "likewise",
    "forkserver.write_signed": "likewise",
    "forkserver.SIGNED_STRUCT": "likewise",
    "forkserver.MAXFDS_TO_SEND": "likewise",
    "heap.Arena.__init__": "the arena is the family's, which has one descriptor for all memory",
    "heap.Arena.fd": "likewise",
    "heap.re*_arena": "the arena is never sent: a handle is",
    "managers.Server.__init__": "`BaseManager.get_server` makes it",
    "managers.Server.[abcdfghins]*": "how a server speaks with its clients is private",
    "managers.Server.public": "likewise",
    "managers.SharedMemoryServer*": "one class of servers serves every manager",
    "managers.Token.__setstate__": "a named tuple is pickled by its fields",
    "pool.ApplyResult.__init__": "pools make results",
    "pool.AsyncResult.__init__": "likewise",
    "pool.MapResult.__init__": "likewise",
    "pool.IMapIterator.__init__": "likewise",
    "popen_*.Popen.finalizer": "the object itself ends what it has",
    "popen_*.Popen.duplicate_for_child": "`reduction.DupFd` gives a child a descriptor, whatever starts it",
    "popen_*.Popen.DupFd": "likewise",
    "process.BrokenProcessPool": "our pools do not break when a worker dies; `PoolBroken` inherits it where they do",
    "process.EXTRA_QUEUED_CALLS": "a number of the standard executor's own",
    "spawn.get_command_line": "how the package starts a child is private",
    "spawn.spawn_main": "likewise",
    "synchronize.SemLock.*": "the class is there for its name: locks of several kinds have no semaphore beneath",
}

DIFFERENCES = {
    (theirs, name, member): stubs.differences(theirs, ours, name, member)
    for theirs, ours in MODULES.items()
    for name, member in stubs.public_names(theirs)
}


def shown(module: str, name: str, member: str | None) -> str:
    """What an exclusion's pattern is compared with."""
    last = module.removeprefix("multiprocessing.").removeprefix("concurrent.futures.")
    return ".".join(filter(None, [last, name, member]))


def excluded(key: tuple[str, str, str | None]) -> str | None:
    return next((pattern for pattern in EXCLUSIONS if fnmatchcase(shown(*key), pattern)), None)


def test_there_is_much_to_compare() -> None:
    assert len(DIFFERENCES) > 500


@pytest.mark.parametrize("module", MODULES)
def test_each_name_is_there_and_takes_what_theirs_takes(module: str) -> None:
    found = {shown(*key): faults for key, faults in DIFFERENCES.items() if key[0] == module and faults}
    wanted = {shown(*key) for key in DIFFERENCES if key[0] == module and excluded(key)}
    assert {name: faults for name, faults in found.items() if name not in wanted} == {}


@pytest.mark.parametrize("pattern", EXCLUSIONS)
def test_no_exclusion_is_without_need(pattern: str) -> None:
    assert [key for key, faults in DIFFERENCES.items() if faults and fnmatchcase(shown(*key), pattern)]


class TestComparison:
    """The comparison finds names that are missing or incompatible."""

    @pytest.mark.parametrize(
        ("theirs", "ours", "fault"),
        [
            ("def f(a): ...", "def f(a): ...", None),
            ("def f(a): ...", "def f(a, b=1, *, c=2): ...", None),
            ("def f(a, /): ...", "def f(b, /): ...", None),
            ("def f(*, a=1): ...", "def f(**kwds): ...", None),
            ("def f(a): ...", "def f(*args, a=None): ...", None),
            ("def f(a): ...", "def f(): ...", "a cannot be given by position"),
            ("def f(a): ...", "def f(a, /): ...", "a cannot be given by name"),
            ("def f(a=1): ...", "def f(a): ...", "a has no default"),
            ("def f(a): ...", "def f(a, b): ...", "b must be given, of which they know nothing"),
            ("def f(a, b): ...", "def f(b, a): ...", "a stands in another position"),
            ("def f(*args): ...", "def f(a): ...", "takes no further positional arguments"),
            ("def f(**kwds): ...", "def f(a=1): ...", "takes no further keyword arguments"),
        ],
    )
    def test_of_two_functions(self, theirs: str, ours: str, fault: str | None) -> None:
        namespace: dict[str, object] = {}
        exec(ours, namespace)
        faults = stubs.faults_of(theirs, namespace["f"])
        assert (fault in faults) if fault else faults == []

    def test_a_name_that_is_missing(self) -> None:
        assert stubs.differences("multiprocessing.heap", "processing.queues", "BufferWrapper", None) == ["missing"]
