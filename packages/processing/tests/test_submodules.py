"""The submodules that users know: what they offer, and that they cost nothing if they are not used."""

import importlib
import inspect
import pickle
import pkgutil
import sys
from typing import Any

import pytest

import processing
from processing import connection, pool, process, synchronize
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import START_METHODS

ELSEWHERE = "processing.popen_spawn_win32"  # for another system; it can be imported only there
OTHERS = "processing.contrib"  # its modules need other libraries, and are imported by their full names
PUBLIC = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(processing.__path__, "processing.")
    if name != ELSEWHERE and not name.startswith(OTHERS) and not any(part.startswith("_") for part in name.split("."))
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
    "AuthenticationError SocketListener address_type",
    "shared_memory": "SharedMemory ShareableList",
    "sharedctypes": "RawValue RawArray Value Array copy synchronized Synchronized SynchronizedArray SynchronizedString",
    "synchronize": "Lock RLock Semaphore BoundedSemaphore Condition Event Barrier",
    "context": "BaseContext DefaultContext Process ForkContext SpawnContext ForkServerContext ForkProcess SpawnProcess "
    "ForkServerProcess ProcessError BufferTooShort TimeoutError AuthenticationError assert_spawning "
    "get_spawning_popen set_spawning_popen",
    "process": "AuthenticationString BaseProcess current_process active_children parent_process",
    "reduction": "ForkingPickler AbstractReducer register dump send_handle recv_handle sendfds recvfds DupFd",
    "util": "get_logger log_to_stderr sub_debug debug info sub_warning warn Finalize register_after_fork is_exiting "
    "SUBDEBUG SUBWARNING get_temp_dir ForkAwareThreadLock ForkAwareLocal close_all_fds_except",
    "spawn": "freeze_support set_executable get_executable get_preparation_data prepare import_main_path",
    "forkserver": "ensure_running get_inherited_fds set_forkserver_preload",
    "heap": "BufferWrapper Heap Arena",
    "introspection": "family deadlocks leaks list_families Family Member",
    "popen_fork": "Popen",
    "popen_forkserver": "Popen",
    "popen_spawn_posix": "Popen",
    "resource_sharer": "DupFd stop",
    "resource_tracker": "ensure_running getfd main register unregister ResourceTracker",
    "dummy": "Process Pool Queue JoinableQueue Manager Pipe Value Array Lock RLock Semaphore BoundedSemaphore "
    "Condition Event Barrier Namespace dict list current_process active_children freeze_support connection",
    "dummy.connection": "Client Listener Pipe Connection families",
    "queue": "Queue",
    "cluster": "connect Cluster ClusterLost",
    "logger": "enableLogging getLogger subDebug debug info subWarning NOTSET SUBDEBUG DEBUG INFO SUBWARNING",
}


def test_windows_has_a_module_of_its_own() -> None:
    if sys.platform == "win32":
        assert importlib.import_module(ELSEWHERE).Popen is importlib.import_module("processing.popen_spawn_posix").Popen
        return
    with pytest.raises(ImportError, match="is for Windows"):
        importlib.import_module(ELSEWHERE)


def test_these_there_are() -> None:
    assert sorted(f"processing.{name}" for name in KNOWN) == PUBLIC


@pytest.mark.parametrize("name", KNOWN)
def test_they_have_the_known_names(name: str) -> None:
    module = importlib.import_module(f"processing.{name}")
    assert [known for known in KNOWN[name].split() if known not in module.__all__] == []


@pytest.mark.parametrize(
    ("name", "private"),
    [
        ("context", "_default_context _concrete_contexts _force_start_method"),
        ("forkserver", "_forkserver"),
        ("resource_tracker", "_resource_tracker _CLEANUP_FUNCS _IGNORED_SIGNALS"),
        ("managers", "BasePoolProxy _BaseDictProxy HAS_SHMEM ProcessError get_context get_spawning_popen"),
        ("process", "_children _cleanup _current_process _parent_process _process_counter"),
        ("queues", "_ForkingPickler"),
        ("sharedctypes", "typecode_to_type"),
        ("synchronize", "RECURSIVE_MUTEX SEMAPHORE SEM_VALUE_MAX"),
        (
            "util",
            "_exit_function _run_finalizers _finalizer_registry _afterfork_registry "
            "_args_from_interpreter_flags _close_stdin _flush_std_streams",
        ),
        (
            "connection",
            "CHALLENGE WELCOME FAILURE _CHALLENGE _WELCOME _FAILURE _create_response "
            "_verify_challenge _ConnectionBase _ForkingPickler",
        ),
        ("shared_memory", "_USE_POSIX _SHM_NAME_PREFIX _make_filename"),
    ],
)
def test_what_libraries_take_although_it_is_private(name: str, private: str) -> None:
    module = importlib.import_module(f"processing.{name}")
    assert [known for known in private.split() if not hasattr(module, known)] == []


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
    if "dummy" not in name:  # its members are different objects with the same names
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


class TestWhatLibrariesTake:
    def test_children_and_the_process_itself(self) -> None:
        assert process._current_process is processing.current_process()
        assert process._parent_process is processing.parent_process()
        child = processing.get_context(START_METHODS[0]).Process(target=sorted, args=([],))
        child.start()
        assert child in process._children
        child.join()
        process._cleanup()
        assert child not in process._children

    def test_addresses(self) -> None:
        for family in connection.families:
            with connection.Listener(connection.arbitrary_address(family), family):
                pass
        with pytest.raises(ValueError, match="AF_NONE is not recognized"):
            connection.arbitrary_address("AF_NONE")

    def test_the_greatest_semaphore(self) -> None:
        processing.Semaphore(synchronize.SEM_VALUE_MAX)
        with pytest.raises(ValueError, match="it must be from 0 to"):
            processing.Semaphore(synchronize.SEM_VALUE_MAX + 1)

    def test_an_exception_with_its_traceback(self) -> None:
        try:
            raise LookupError("lost")
        except LookupError as error:
            sent = pickle.dumps(pool.ExceptionWithTraceback(error, error.__traceback__))
        arrived = pickle.loads(sent)
        assert arrived.args == ("lost",)
        assert "test_an_exception_with_its_traceback" in str(arrived.__cause__)

    def test_standard_streams(self) -> None:
        program = """
            import sys
            from processing import util
            util._flush_std_streams()
            util._close_stdin()
            assert sys.stdin.read() == ""
            sys.stdout = None
            util._flush_std_streams()
            assert "-Werror" in util._args_from_interpreter_flags()
        """
        scripts.run(program)
