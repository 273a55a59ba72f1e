"""The submodules that users know: what they offer, and that nobody pays for them who does not use them."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import processing
from processing_testing import scripts

PUBLIC = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(processing.__path__, "processing.")
    if not any(part.startswith("_") for part in name.split("."))
)
TOP = sorted(name.removeprefix("processing.") for name in PUBLIC if name.count(".") == 1)
MODULES = pytest.mark.parametrize("name", PUBLIC)

# What users write today: the names of multiprocessing's documented submodules, and of 0.52's.
KNOWN = {
    "pool": "Pool ThreadPool AsyncResult ApplyResult IMapIterator MaybeEncodingError",
    "queues": "Queue SimpleQueue JoinableQueue Empty Full",
    "managers": "BaseManager SyncManager BaseProxy Token Namespace ListProxy DictProxy ValueProxy ArrayProxy "
    "NamespaceProxy AcquirerProxy ConditionProxy EventProxy BarrierProxy PoolProxy AutoProxy MakeProxyType "
    "RemoteError CreatorMethod",
    "connection": "Client Listener Pipe wait Connection deliver_challenge answer_challenge families "
    "AuthenticationError",
    "shared_memory": "SharedMemory ShareableList",
    "sharedctypes": "RawValue RawArray Value Array copy synchronized Synchronized SynchronizedArray SynchronizedString",
    "synchronize": "Lock RLock Semaphore BoundedSemaphore Condition Event Barrier",
    "context": "BaseContext DefaultContext Process ForkContext SpawnContext ForkServerContext ForkProcess SpawnProcess "
    "ForkServerProcess ProcessError BufferTooShort TimeoutError AuthenticationError",
    "process": "BaseProcess current_process active_children parent_process",
    "reduction": "ForkingPickler register dump send_handle recv_handle DupFd",
    "util": "get_logger log_to_stderr sub_debug debug info sub_warning Finalize register_after_fork is_exiting "
    "SUBDEBUG SUBWARNING",
    "dummy": "Process Pool Queue JoinableQueue Manager Pipe Value Array Lock RLock Semaphore BoundedSemaphore "
    "Condition Event Barrier Namespace dict list current_process active_children freeze_support connection",
    "dummy.connection": "Client Listener Pipe Connection families",
    "queue": "Queue",
    "logger": "enableLogging getLogger subDebug debug info subWarning NOTSET SUBDEBUG DEBUG INFO SUBWARNING",
}


def test_these_there_are() -> None:
    assert sorted(f"processing.{name}" for name in KNOWN) == PUBLIC


@pytest.mark.parametrize("name", KNOWN)
def test_they_have_the_known_names(name: str) -> None:
    module = importlib.import_module(f"processing.{name}")
    assert [known for known in KNOWN[name].split() if known not in module.__all__] == []


@MODULES
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    brought: dict[str, Any] = {}
    exec(f"from {name} import *", brought)
    assert set(brought) - {"__builtins__"} == set(module.__all__)


@MODULES
def test_each_name_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    assert [public for public in module.__all__ if not inspect.getdoc(getattr(module, public))] == []


@MODULES
def test_nothing_public_is_defined_twice(name: str) -> None:
    module = importlib.import_module(name)
    if "dummy" not in name:  # whose things are others of the same names
        shared = set(module.__all__) & set(processing.__all__)
        assert [public for public in shared if getattr(module, public) is not getattr(processing, public)] == []


@pytest.mark.parametrize("name", TOP)
def test_it_needs_no_import_statement(name: str) -> None:
    scripts.run(
        """
        import sys
        import processing as multiprocessing
        name = "processing." + sys.argv[1]
        assert name not in sys.modules
        module = getattr(multiprocessing, sys.argv[1])
        assert sys.modules[name] is module
        assert sys.argv[1] in dir(multiprocessing)
        """,
        name,
    )


def test_the_reducer_is_the_module() -> None:
    assert processing.reducer is processing.reduction  # type: ignore[attr-defined]


class TestLaziness:
    def test_only_the_core_is_imported_at_first(self) -> None:
        scripts.run(
            """
            import sys
            import processing
            above = {name for name in sys.modules if name.startswith("processing_")}
            assert not {name.partition(".")[0] for name in above} - {"processing_core"}, above
            assert not {"socket", "logging", "ctypes", "concurrent", "cloudpickle", "tempfile"} & set(sys.modules)
            processing.Lock
            assert "processing_sync" in sys.modules
            assert "processing_queues" not in sys.modules
            assert "Lock" in vars(processing)  # the next access costs nothing
            """
        )

    def test_a_context_offers_what_was_not_imported_yet(self) -> None:
        scripts.run(
            """
            import processing
            context = processing.get_context("spawn")
            assert context.Lock is processing.Lock
            assert context.Value("i", 3).value == 3
            try:
                context.no_such_name
            except AttributeError:
                pass
            else:
                raise AssertionError
            """
        )
