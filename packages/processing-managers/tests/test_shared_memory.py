from __future__ import annotations

import multiprocessing.shared_memory as model  # noqa: TID251
import os
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import processing_core
from processing_core import lowlevel
from processing_managers import shared_memory
from processing_managers.shared_memory import ShareableList, SharedMemory
from processing_testing.children import sharing
from processing_testing.children.forking import Child
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_memory_files
from processing_testing.harness.rendezvous import MessageSocket

Fork = Callable[[Callable[[MessageSocket], object]], Child]
Make = Callable[..., SharedMemory]

SHM = Path("/dev/shm")


@pytest.fixture
def make(nothing_left: None) -> Iterator[Make]:
    """Makes memory that is closed and unlinked at the test's end, and checks that nothing else is left."""
    made: list[SharedMemory] = []

    def create(*args: Any, **options: Any) -> SharedMemory:
        made.append(SharedMemory(*args, create=True, **options))
        return made[-1]

    yield create
    for memory in made:
        memory.close()
        if (SHM / memory.name).exists():
            memory.unlink()


@pytest.fixture(autouse=True)
def _family() -> None:
    lowlevel.ensure_family()  # its arena takes a descriptor


def own_name(word: str) -> str:
    return f"test-{os.getpid()}-{word}"


class TestMemory:
    def test_two_see_the_same(self, make: Make) -> None:
        memory = make(size=100)
        other = SharedMemory(memory.name)
        other.buf[:5] = b"hello"
        assert bytes(memory.buf[:5]) == b"hello"
        assert memory.size == len(memory.buf) == 100
        assert bytes(memory.buf[5:]) == bytes(95)
        other.close()

    @needs_memory_files
    def test_names(self, make: Make) -> None:
        chosen = own_name("chosen")
        memory = make("/" + chosen, size=1)
        assert memory.name == chosen and (SHM / chosen).stat().st_mode & 0o777 == 0o600
        other = SharedMemory(chosen)
        other.close()
        assert make(size=1).name != make(size=1).name
        assert len(make(size=1).name) <= 30

    def test_repr_and_class(self, make: Make) -> None:
        memory = make(size=7)
        assert repr(memory) == f"SharedMemory({memory.name!r}, size=7)"
        assert str(SharedMemory) == "<class 'processing_managers.shared_memory.SharedMemory'>"

    @needs_memory_files
    def test_multiprocessing_attaches_to_ours(self) -> None:
        program = """
            import sys
            from multiprocessing import resource_tracker, shared_memory
            memory = shared_memory.SharedMemory(sys.argv[1])
            print(bytes(memory.buf[:3]))
            resource_tracker.unregister(memory._name, "shared_memory")  # else its end unlinks it
            memory.close()
        """
        memory = SharedMemory(create=True, size=8)
        memory.buf[:3] = b"abc"
        assert scripts.run(program, memory.name) == "b'abc'\n"
        memory.unlink()
        memory.close()

    @needs_memory_files
    def test_what_is_unlinked_is_registered_no_more(self) -> None:
        program = """
            from processing_core import resource_tracker
            from processing_managers.shared_memory import SharedMemory
            memory = SharedMemory(create=True, size=8)
            resource_tracker.register(memory._name, "shared_memory")
            memory.unlink()
            resource_tracker.tracker._stop()
            print(resource_tracker.tracker._exitcode)
        """
        assert scripts.run(program) == "0\n"

    def test_names_begin_as_the_module_says(self, make: Make) -> None:
        memory = make(size=1)
        assert memory._name.startswith(shared_memory._SHM_NAME_PREFIX)
        assert shared_memory._make_filename().startswith(shared_memory._SHM_NAME_PREFIX)
        assert memory.name == memory._name.removeprefix("/")

    @needs_memory_files
    def test_names_that_the_program_invents(self, monkeypatch: pytest.MonkeyPatch) -> None:
        invented = [f"/test-{os.getpid()}-{letter}" for letter in "aab"]
        monkeypatch.setattr(shared_memory, "_make_filename", lambda track: invented.pop(0))
        first, second = SharedMemory(create=True, size=1), SharedMemory(create=True, size=1)
        assert [first._name, second._name] == [f"/test-{os.getpid()}-{letter}" for letter in "ab"]
        for memory in (first, second):
            memory.unlink()
            memory.close()
        assert not any(str(os.getpid()) in name for name in os.listdir("/dev/shm"))

    def test_a_closed_one(self, make: Make) -> None:
        memory = make(size=1)
        memory.close()
        memory.close()
        assert memory.buf is None

    def test_views_keep_it_open(self, make: Make) -> None:
        memory = make(size=8)
        view = memory.buf[2:4]
        with pytest.raises(BufferError):
            memory.close()
        view.release()
        memory.close()

    @needs_memory_files
    def test_unlinked_it_lives_on(self, make: Make) -> None:
        memory = make(own_name("gone"), size=8)
        memory.unlink()
        memory.buf[0] = 1
        assert memory.buf[0] == 1
        with pytest.raises(FileNotFoundError):
            memory.unlink()
        with pytest.raises(FileNotFoundError):
            SharedMemory(memory.name)

    def test_a_dropped_one_is_closed(self, make: Make) -> None:
        name = make(size=8).name
        for _ in range(100):
            SharedMemory(name)  # `nothing_left` counts descriptors

    def test_cycles_leave_nothing(self, nothing_left: None, rounds: Callable[[int, int], int]) -> None:
        for turn in range(rounds(200, 10_000)):
            memory = SharedMemory(own_name("cycle") if turn % 2 else None, create=True, size=16)
            memory.buf[0] = 1
            memory.close()
            memory.unlink()


@pytest.mark.parametrize("method", processing_core.get_all_start_methods())
def test_a_child_attaches_to_what_it_is_sent(method: str) -> None:
    memory = SharedMemory(create=True, size=10)
    process = processing_core.get_context(method).Process(target=sharing.write_byte, args=(memory, 3))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert memory.buf[3] == 3
    memory.close()
    memory.unlink()


def _error_of(kind: Callable[..., Any], arguments: dict[str, Any]) -> type[object]:
    """The type of the error, of ``None`` if there is none."""
    try:
        kind(**arguments).close()
    except Exception as error:
        return type(error)
    return type(None)


class TestMisuse:
    """The same types of errors as multiprocessing's."""

    @pytest.mark.parametrize(
        "arguments",
        [
            {},
            {"create": True},
            {"create": True, "size": -1},
            {"size": -1, "name": "x"},
            {"create": True, "size": "8"},
            {"create": True, "size": None},
            {"name": "test-there-is-none"},
            {"name": "a/b"},
            {"name": "", "create": True, "size": 1},
            {"name": 3},
            {"name": "x" * 300},
        ],
        ids=repr,
    )
    def test_errors(self, arguments: dict[str, Any]) -> None:
        assert issubclass(_error_of(SharedMemory, arguments), _error_of(model.SharedMemory, arguments))

    def test_a_name_that_is_taken(self, make: Make) -> None:
        name = make(own_name("taken"), size=1).name
        with pytest.raises(FileExistsError):
            SharedMemory(name, create=True, size=1)

    @needs_memory_files
    def test_empty_memory(self, nothing_left: None) -> None:
        path = SHM / own_name("empty")
        path.touch()
        try:
            with pytest.raises(ValueError, match="empty"):
                SharedMemory(path.name)
        finally:
            path.unlink()


@needs_memory_files
class TestLeftovers:
    """Memory that no process has unlinked."""

    def left(self, program: str) -> list[str]:
        """The names that a program prints, of memory or notes, and that exist after its end."""
        words = scripts.run(program).split()
        assert words
        left = [word for word in words if (SHM / word).exists() or (SHM / word).is_symlink()]
        for word in left:
            (SHM / word).unlink()
        return left

    def test_the_root_unlinks_it(self) -> None:
        assert not self.left("""
            import os, processing_managers
            from processing_managers.shared_memory import SharedMemory
            a, b = SharedMemory(create=True, size=8), SharedMemory(f"test-{os.getpid()}-b", create=True, size=8)
            family = a.name.rpartition("_")[0] + "_"
            notes = [name for name in os.listdir("/dev/shm") if name.startswith(family + "n")]
            assert len(notes) == 1, notes
            print(a.name, b.name, *notes)
        """)

    def test_what_a_child_made_outlives_the_child(self) -> None:
        assert not self.left("""
            import os, sys
            import processing_core, processing_managers
            from processing_managers.shared_memory import SharedMemory
            def make(name):
                SharedMemory(name, create=True, size=8)
                SharedMemory(create=True, size=8)
            name = f"test-{os.getpid()}-child"
            child = processing_core.get_context("fork").Process(target=make, args=(name,))
            child.start(); child.join()
            assert child.exitcode == 0
            family = SharedMemory(create=True, size=8).name.rpartition("_")[0] + "_"
            names = [it for it in os.listdir("/dev/shm") if it.startswith(family)]
            assert name in os.listdir("/dev/shm") and len(names) >= 3
            print(name, *names)
        """)

    def test_untracked_memory_stays(self) -> None:
        left = self.left("""
            from processing_managers.shared_memory import SharedMemory
            print(SharedMemory(create=True, size=8, track=False).name)
        """)
        assert len(left) == 1

    def test_a_process_that_attaches_unlinks_nothing(self, make: Make) -> None:
        name = make(size=8).name
        scripts.run("import sys; from processing_managers.shared_memory import *; SharedMemory(sys.argv[1])", name)
        SharedMemory(name).close()

    def test_another_memory_of_the_same_name_is_spared(self) -> None:
        left = self.left("""
            import os
            from processing_managers.shared_memory import SharedMemory
            name = f"test-{os.getpid()}-other"
            mine = SharedMemory(name, create=True, size=8)
            os.unlink("/dev/shm/" + name)
            open("/dev/shm/" + name, "w").close()
            print(name)
        """)
        assert len(left) == 1


@pytest.fixture
def listed(nothing_left: None) -> Iterator[Callable[..., ShareableList[Any]]]:
    made: list[ShareableList[Any]] = []

    def create(*args: Any, **options: Any) -> ShareableList[Any]:
        made.append(ShareableList(*args, **options))
        return made[-1]

    yield create
    for items in made:
        items.shm.close()
        items.shm.unlink()


class TestList:
    ITEMS = [
        1,
        -(2**63),
        2**63 - 1,
        2.5,
        True,
        False,
        None,
        "",
        "spam",
        "NUL\0\0",
        "ü\U0001f40d" * 5,
        "\ud800",
        b"",
        b"\0",
        b"x" * 17,
    ]

    def test_it_keeps_everything_exactly(self, listed: Any) -> None:
        items = listed(self.ITEMS)
        assert list(items) == self.ITEMS
        assert [type(item) for item in items] == [type(item) for item in self.ITEMS]
        other = pickle.loads(pickle.dumps(items))
        assert list(other) == self.ITEMS and len(other) == len(self.ITEMS)
        other[0] = 7
        assert items[0] == 7
        other.shm.close()

    def test_an_empty_list(self, listed: Any) -> None:
        assert list(listed([])) == []

    def test_positions(self, listed: Any) -> None:
        items = listed("abc")
        assert (items[0], items[-1], items[-3]) == ("a", "c", "a")
        for wrong in (3, -4, 10**30):
            with pytest.raises(IndexError):
                items[wrong]
            with pytest.raises(IndexError):
                items[wrong] = "x"

    def test_items_change_their_type(self, listed: Any) -> None:
        items = listed(["spam", 1, None])
        items[0], items[1], items[2] = 2.5, "12345678", b"\0"
        assert list(items) == [2.5, "12345678", b"\0"]

    def test_room(self, listed: Any) -> None:
        items = listed(["x" * 8, "y"])
        items[0] = "x" * 16
        with pytest.raises(ValueError, match="17 bytes.* 16"):
            items[0] = "x" * 17
        assert list(items) == ["x" * 16, "y"]

    def test_count_and_index(self, listed: Any) -> None:
        items = listed([1, "a", 1, None])
        assert (items.count(1), items.count("b"), items.index("a"), items.index(None)) == (2, 0, 1, 3)
        with pytest.raises(ValueError, match="not in this container"):
            items.index("b")

    @pytest.mark.parametrize("sequence", [[1, 2.5, True, None], ["a", "x" * 8, b"yz"], []], ids=repr)
    def test_format_and_repr_are_those_of_multiprocessing(self, listed: Any, sequence: list[Any]) -> None:
        program = f"""
            from multiprocessing.shared_memory import ShareableList
            items = ShareableList({sequence!r})
            print(items.format, str(items).replace(items.shm.name, "NAME"), sep="|")
            items.shm.unlink()
        """
        items = listed(sequence)
        assert f"{items.format}|{str(items).replace(items.shm.name, 'NAME')}\n" == scripts.run(program)

    @pytest.mark.parametrize(
        ("sequence", "error"),
        [([[1]], TypeError), ([object()], TypeError), ([2**63], struct.error), (3, TypeError)],
    )
    def test_what_cannot_be_kept(self, nothing_left: None, sequence: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            ShareableList(sequence)

    def test_memory_without_a_list(self, make: Make) -> None:
        with pytest.raises(ValueError, match="no ShareableList"):
            ShareableList(name=make(size=3).name)


def test_no_tracker_runs() -> None:
    program = "import sys; from processing_managers.shared_memory import *; print('multiprocessing' in sys.modules)"
    assert scripts.run(program) == "False\n"


class TestCopiesOfLists:
    def test_a_copy_has_the_rooms_of_the_original(self) -> None:
        items = ShareableList(["howdy", b"HoWdY", -2.5, 100, None, True])
        items[0] = "encod\N{LATIN SMALL LETTER E WITH ACUTE}s"  # needs all of the eight bytes of its room
        copy = ShareableList(items)
        try:
            assert (list(copy), copy.format) == (list(items), items.format)
            with pytest.raises(ValueError, match="exceeds available storage"):
                copy[0] = "123456789"
        finally:
            for one in (items, copy):
                one.shm.close()
                one.shm.unlink()

    def test_one_without_items(self) -> None:
        items: ShareableList[int] = ShareableList()
        try:
            assert (len(items), items.format, list(items)) == (0, "", [])
        finally:
            items.shm.close()
            items.shm.unlink()


NO_FOLDER = """
    import os
    from processing_managers.shared_memory import SharedMemory
    from processing_managers.sharedctypes import Value
    from processing_managers._platform import _linux, _reaper

    _linux._FOLDER = _reaper.FOLDER = "/dev/there_is_none/"
    assert Value("i", 3).value == 3
    try:
        SharedMemory(create=True, size=10)
    except FileNotFoundError as error:
        assert error.filename == "/dev/there_is_none/", error
    else:
        raise AssertionError
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is Linux's")
def test_a_system_without_the_folder_is_told_of_once() -> None:
    """As in some containers; a program that goes on without the memory ends without a traceback."""
    assert not scripts.errors(NO_FOLDER)
