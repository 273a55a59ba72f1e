"""Arrays, tensors and frames of other libraries through queues, pipes, pools and managers.

`nox -s ecosystem` installs the libraries; where one is missing, its tests are skipped.
"""

from __future__ import annotations

import copyreg
import gc
import os
import pickle
import sys
import threading
import types
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import pytest

import processing
from processing_core import _libraries, _pickling, _reducers, lowlevel
from processing_testing.children import ecosystem
from processing_testing.harness import scripts

LIBRARIES = ["numpy", "pandas", "polars", "pyarrow", "torch"]
METHODS = pytest.mark.parametrize("method", processing.get_all_start_methods())
WATCHDOG = pytest.mark.watchdog(180)  # importing PyTorch in several processes takes long on a busy machine


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param)
    name: str = request.param
    return name


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def polars() -> Any:
    return pytest.importorskip("polars")


def in_band(obj: Any) -> int:
    """Bytes that stay in the pickle."""
    pieces, _ = _pickling.pieces(obj)
    return sum(len(piece) for piece in pieces)


def out_of_band(obj: Any) -> int:
    """Bytes that do not."""
    _, buffers = _pickling.pieces(obj)
    return sum(buffer.raw().nbytes for buffer in buffers)


def through_a_queue(obj: Any) -> Any:
    queue = processing.Queue()
    queue.put(obj)
    return queue.get(timeout=30)


@WATCHDOG
@METHODS
class TestTravel:
    """What arrives is equal, and can be written to; the sender's object stays as it is."""

    @pytest.fixture(autouse=True)
    def _check(self, library: str) -> Iterator[None]:
        self.sent = ecosystem.made_each(library)
        self.expected = ecosystem.written_each(ecosystem.made_writable(library))
        yield
        assert list(ecosystem.differing(self.sent, ecosystem.made_each(library))) == []
        del self.sent, self.expected

    def arrived(self, received: list[tuple[str, Any]]) -> bool:
        assert list(ecosystem.differing(received, self.expected)) == []
        return True

    def test_queue_and_pipe(self, method: str) -> None:
        context = processing.get_context(method)
        queue = context.Queue()
        ours, theirs = context.Pipe()
        process = context.Process(target=ecosystem.echo_written, args=(queue, theirs))
        process.start()
        theirs.close()  # so that a death of the process ends the waiting
        queue.put(self.sent)
        assert self.arrived(ours.recv())
        ours.send(self.sent)
        assert self.arrived(ours.recv())
        process.join()

    def test_pool(self, method: str) -> None:
        with processing.get_context(method).Pool(2) as pool:
            for received in pool.map(ecosystem.written_each, [self.sent] * 3, 1):
                assert self.arrived(received)

    def test_manager(self, method: str) -> None:
        with processing.get_context(method).Manager() as manager:
            items, table = manager.list([self.sent]), manager.dict()
            table["sent"] = self.sent
            assert self.arrived(ecosystem.written_each(items[0]))
            assert self.arrived(ecosystem.written_each(table["sent"]))


LEFT_IN_THE_PICKLE = {
    "polars, small": 3_000,
    "polars, empty": 20_000,
    # Buffers of less than 32 KiB: bits of validity and of flags, and pieces of text.
    "polars, frame": 150_000,
    "polars, rows of a frame": 150_000,
    "polars, frame in chunks": 300_000,
    "pandas, frame": 50_000,
    "pandas, rows of a frame": 50_000,
    "torch, module": 6_000,
}
"""The most bytes that may stay in the pickle of a kind; of the others it is 1,000."""

SMALL = {"numpy, small", "polars, small", "polars, empty"} | {
    f"torch, {kind}" for kind in ("small", "empty", "scalar", "sparse")
}


class TestCopies:
    @pytest.mark.parametrize("name", ecosystem.KINDS)
    def test_the_data_is_not_in_the_pickle(self, name: str) -> None:
        pytest.importorskip(ecosystem.KINDS[name].library)
        obj = ecosystem.made(name)
        assert in_band(obj) < LEFT_IN_THE_PICKLE.get(name, 1_000)
        assert (out_of_band(obj) > ecosystem.LARGE) == (name not in SMALL)

    @pytest.mark.parametrize("name", ["numpy", "polars, series", "pyarrow, array", "torch", "torch, bfloat16"])
    def test_what_arrives_refers_to_its_block(self, name: str) -> None:
        """So the sender's copy into the block is the only one."""
        pytest.importorskip(ecosystem.KINDS[name].library)
        obj = ecosystem.made(name)
        received = through_a_queue(0)
        gc.collect()
        before = lowlevel.stats()["cells"]
        received = through_a_queue(obj)
        assert lowlevel.stats()["cells"] == before + 1
        del received
        gc.collect()
        assert lowlevel.stats()["cells"] == before

    def test_what_is_pickled_into_bytes_needs_nothing_of_ours(self, library: str) -> None:
        """A program without this package may be the receiver."""
        for name, obj in ecosystem.made_each(library):
            assert b"processing_core" not in lowlevel.dumps(obj), name


class TestNumPy:
    numpy = pytest.importorskip("numpy")

    @pytest.mark.parametrize("kind", ["times", "spans, not contiguous"])
    def test_a_reducer_of_the_program_for_something_else(self, kind: str, monkeypatch: Any) -> None:
        monkeypatch.setitem(_reducers._table, types.SimpleNamespace, lambda space: (types.SimpleNamespace, ()))
        assert in_band(ecosystem.made(f"numpy, {kind}")) < 1_000

    def test_bytes_after_a_bool_are_pickled_twice_and_arrive(self) -> None:
        message = (True, bytes(200_000), False, bytes(100_000))
        assert through_a_queue([message, {1, 2}]) == [message, {1, 2}]

    def test_times_in_a_message_of_long_bytes(self) -> None:
        times = ecosystem.made("numpy, times")
        received = through_a_queue([b"x" * 100_000, times, times])
        assert received[0] == b"x" * 100_000 and received[1] is received[2] and (received[1] == times).all()

    def test_no_array_becomes_another(self) -> None:
        """A part of an array arrives as an array, although it was copied to be contiguous."""
        part = self.numpy.arange(200_000).reshape(400, 500).T[::3]
        received = through_a_queue({"part": part, "whole": part})
        assert received["part"] is received["whole"] and (received["part"] == part).all()


@WATCHDOG
class TestTorch:
    def test_two_tensors_of_one_storage(self, torch: Any) -> None:
        whole = torch.zeros(ecosystem.LARGE)
        one, other = through_a_queue([whole, whole[5:]])
        one[5] = 3
        assert other[0] == 3 and whole[5] == 0

    def test_a_tied_module(self, torch: Any) -> None:
        first, second = torch.nn.Linear(100, 100), torch.nn.Linear(100, 100)
        second.weight = first.weight
        received = through_a_queue(torch.nn.Sequential(first, second))
        assert received[0].weight is received[1].weight

    def test_attributes_of_a_tensor(self, torch: Any) -> None:
        tensor = torch.zeros(ecosystem.LARGE)
        tensor.unit = "metre"
        assert through_a_queue(tensor).unit == "metre"

    def test_a_tensor_without_memory(self, torch: Any) -> None:
        received = through_a_queue(torch.zeros(ecosystem.LARGE, device="meta"))
        assert received.device.type == "meta" and received.shape == (ecosystem.LARGE,)

    def test_storages(self, torch: Any) -> None:
        tensor = torch.arange(ecosystem.LARGE)
        received = through_a_queue(tensor.untyped_storage())
        assert type(received) is torch.UntypedStorage and received.tolist() == tensor.untyped_storage().tolist()

    def test_a_closure_over_a_tensor(self, torch: Any) -> None:
        tensor = torch.arange(ecosystem.LARGE)
        assert in_band(lambda: tensor) < 3_000
        assert (through_a_queue(lambda: tensor)() == tensor).all()

    def test_a_reducer_of_the_programs_is_preferred(self, torch: Any, monkeypatch: Any) -> None:
        monkeypatch.setitem(_reducers._table, torch.Tensor, lambda tensor: (list, (tensor.tolist(),)))
        assert through_a_queue(torch.arange(3)) == [0, 1, 2]

    @METHODS
    def test_what_a_function_carries_is_not_shared(self, torch: Any, method: str) -> None:
        """Each worker has its own, because no tensor can be read-only."""
        tensor = torch.zeros(ecosystem.LARGE)
        with processing.get_context(method).Pool(2) as pool:
            numbers = pool.map(partial(ecosystem.number_of, tensor), range(6), 1)
        assert numbers == list(range(ecosystem.LARGE, ecosystem.LARGE + 6)) and tensor[0] == 0

    @METHODS
    def test_shared_memory_stays_shared(self, torch: Any, method: str) -> None:
        context = processing.get_context(method)
        one, other, queue = torch.zeros(3).share_memory_(), torch.ones(4).share_memory_(), context.Queue()
        process = context.Process(target=ecosystem.add_one, args=(one, queue))
        process.start()
        queue.put(other)
        process.join()
        assert (one.tolist(), other.tolist()) == ([1.0] * 3, [2.0] * 4)

    @METHODS
    def test_reducers_of_torch_multiprocessing(self, torch: Any, method: str) -> None:
        """PyTorch registers them with what stands for ``multiprocessing``; they move a tensor into shared memory."""
        scripts.run(REPLACED, method)

    @METHODS
    def test_data_loader(self, torch: Any, method: str, tmp_path: Any) -> None:
        program = tmp_path / "program.py"
        program.write_text(LOADER)
        scripts.run("import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')", str(program), method)


REPLACED = """
    import sys
    import processing

    method = sys.argv[1]
    undo = processing.replace_multiprocessing(method)
    import torch.multiprocessing
    from processing_testing.children import ecosystem

    context = torch.multiprocessing.get_context(method)
    assert type(context).__module__.startswith("processing")
    one, other, queue = torch.zeros(3).share_memory_(), torch.ones(4), context.Queue()
    process = context.Process(target=ecosystem.add_one, args=(one, queue))
    process.start()
    queue.put(other)
    process.join()
    assert (one.tolist(), other.tolist()) == ([1.0] * 3, [2.0] * 4), (one, other)
"""

LOADER = """
import sys
import torch
import processing
from torch.utils.data import DataLoader, TensorDataset

if __name__ == "__main__":
    context = processing.get_context(sys.argv[1])
    data = TensorDataset(torch.arange(40_000.0).reshape(400, 100), torch.arange(400))
    loader = DataLoader(data, batch_size=30, num_workers=2, multiprocessing_context=context)
    total = 0
    for rows, numbers in loader:
        assert (rows[:, 0] == numbers * 100).all()
        rows += 1
        total += int(numbers.sum())
    assert total == sum(range(400)), total
"""


def _outcome(call: Callable[[Any], Any], argument: Any) -> str:
    """The name of the error that a call raises, if it does; polars' panics are no `Exception`."""
    try:
        call(argument)
    except BaseException as error:
        return type(error).__name__
    return ""


class TestPolars:
    def test_rows_of_long_text_do_not_take_the_other_rows_along(self, polars: Any) -> None:
        frame = polars.DataFrame({"text": [f"this text is not short {number}" for number in range(300_000)]})
        rows = frame.head(2_000)
        assert in_band(rows) + out_of_band(rows) < 500_000
        assert through_a_queue(rows).equals(rows)

    def test_objects(self, polars: Any) -> None:
        """The library's own error, as of plain pickle."""
        frame = polars.DataFrame({"object": polars.Series([{1}] * ecosystem.LARGE, dtype=polars.Object)})
        assert _outcome(pickle.dumps, frame) == _outcome(_pickling.pieces, frame) != ""

    def test_a_frame_outlives_what_it_came_from(self, polars: Any) -> None:
        received = through_a_queue(ecosystem.made("polars, frame"))
        column = received["real"].slice(5, 10)
        del received
        gc.collect()
        assert column.to_list() == [float(number) for number in range(5, 15)]

    def test_nothing_is_kept(self, polars: Any) -> None:
        from processing_core import _arrow

        received = through_a_queue(ecosystem.made("polars, frame"))
        del received
        schema, chunks = _arrow.exported(polars.Series("a", range(10)))
        imported = _arrow.Imported(schema, chunks[0])
        imported.close()
        imported.close()
        del imported
        gc.collect()
        assert [kept for kept in gc.get_objects() if type(kept) is _arrow._Kept] == []

    def test_an_exception_that_is_pending_when_a_frame_is_freed(self, polars: Any) -> None:
        def use() -> None:
            received = through_a_queue(ecosystem.made("polars, series"))
            assert len(received) == ecosystem.LARGE
            raise KeyError("kept")

        with pytest.raises(KeyError, match="kept") as caught:
            use()
        caught.value.__traceback__ = None

    def test_a_frame_ends_with_the_interpreter(self, polars: Any) -> None:
        scripts.run(
            """
            import polars, processing
            queue = processing.Queue()
            queue.put(polars.DataFrame({"a": range(100_000), "b": ["a text"] * 100_000}))
            kept = queue.get()
            import builtins
            builtins.kept = kept
            """
        )

    def test_threads(self, polars: Any) -> None:
        frame = ecosystem.made("polars, frame")
        failures: list[object] = []

        def work() -> None:
            for _ in range(10):
                if not through_a_queue(frame).equals(frame):
                    failures.append(frame)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


class Registered:
    pass


class TestLibraries:
    """How the reducers of libraries are found."""

    @pytest.fixture
    def fresh(self, monkeypatch: Any) -> Callable[[dict[str, Any]], None]:
        """Gives a library `fake` with these names."""

        def fake(names: dict[str, Any]) -> None:
            module = types.ModuleType("fake")
            vars(module).update(names)
            monkeypatch.setitem(sys.modules, "fake", module)

        reducers = types.ModuleType("fake_reducers")
        reducers.reducers = lambda fake: {fake.Kind: lambda kind: (str, ())} if hasattr(fake, "Kind") else None  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fake_reducers", reducers)
        monkeypatch.setitem(_libraries._LIBRARIES, "fake", "fake_reducers")
        for name in ("modules", "table", "registered"):
            monkeypatch.setattr(_libraries.seen, name, getattr(_libraries.seen, name))
        monkeypatch.setattr(_libraries, "_found", set(_libraries._found))
        monkeypatch.setitem(_pickling._idle, _pickling.OUT_OF_BAND, [])
        return fake

    def test_a_library_that_is_imported_later(self, fresh: Any) -> None:
        assert type(through_a_queue(Registered())) is Registered
        fresh({"Kind": Registered})
        assert through_a_queue(Registered()) == ""

    def test_a_library_that_is_being_imported(self, fresh: Any) -> None:
        fresh({})
        assert type(through_a_queue(Registered())) is Registered
        sys.modules["fake"].Kind = Registered  # type: ignore[attr-defined]
        assert through_a_queue(Registered()) == ""

    def test_a_library_that_must_not_be_imported(self, fresh: Any, monkeypatch: Any) -> None:
        monkeypatch.setitem(sys.modules, "fake", None)
        assert type(through_a_queue(Registered())) is Registered

    def test_what_the_program_registers_later_counts(self, fresh: Any, monkeypatch: Any) -> None:
        fresh({"Kind": Registered})
        through_a_queue(Registered())
        monkeypatch.setitem(copyreg.dispatch_table, Registered, lambda kind: (int, ("5",)))
        assert through_a_queue(Registered()) == 5

    def test_no_library_is_imported(self) -> None:
        # On Windows it is ctypes that asks for the system's memory.
        avoided = [*LIBRARIES, "ctypes"] if hasattr(os, "sysconf") else LIBRARIES
        scripts.run(
            f"""
            import sys, processing
            queue = processing.Queue()
            queue.put([object(), {{1}}])
            queue.get()
            assert not {{*{avoided}}} & sys.modules.keys()
            """
        )

    def test_all_are_real_modules(self) -> None:
        for place in _libraries._LIBRARIES.values():
            assert callable(import_module(place).reducers)
