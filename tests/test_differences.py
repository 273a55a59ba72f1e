"""What docs/from-multiprocessing.md says differs, statement by statement; `multiprocessing`'s side too."""

import multiprocessing  # noqa: TID251
import os
from collections.abc import Iterator
from typing import Any

import pytest

import processing
from processing_core.lowlevel import SOCKET_FILES
from processing_testing.children import killing
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import ONE_METHOD, needs_process_files


@pytest.fixture(scope="module")
def pool() -> Iterator[Any]:
    with processing.Pool(1) as pool:
        yield pool


class TestHandles:
    """That our handles can be sent is tested in test_handles_travel."""

    @pytest.mark.parametrize("make", ["Lock", "Queue", "Value"])
    def test_multiprocessing_refuses_them_in_a_queue_and_a_task(self, make: str) -> None:
        thing = getattr(multiprocessing, make)(*(["i"] if make == "Value" else []))
        with pytest.raises(RuntimeError, match="inheritance"):
            multiprocessing.reduction.ForkingPickler.dumps(thing)  # type: ignore[attr-defined]


class TestDeaths:
    def test_a_lock_whose_owner_died(self) -> None:
        lock, held = processing.Lock(), processing.Event()
        process = processing.Process(target=die_holding, args=(lock, held))
        process.start()
        process.join()
        assert held.is_set()
        for _ in range(2):
            with pytest.raises(processing.OwnerDied):
                lock.acquire()
        with lock.recover():
            pass
        assert lock.acquire(block=False)
        lock.release()

    def test_a_worker_that_dies(self, pool: Any) -> None:
        worker = pool.apply(os.getpid)
        with pytest.raises(processing.WorkerDied, match=rf"kill.*{worker}.*(SIGKILL|signal 9)"):
            pool.apply(killing.kill, (worker,))
        assert pool.apply(os.getpid) != worker


class TestQueue:
    def test_what_cannot_be_pickled_raises_in_the_caller(self) -> None:
        queue: processing.Queue[Any] = processing.Queue()
        with pytest.raises(TypeError, match="pickle"):
            queue.put(letter for letter in "generator")
        queue.put(1)
        assert queue.get() == 1

    def test_joined_before_it_is_drained(self) -> None:
        queue: processing.Queue[bytes] = processing.Queue()
        process = processing.Process(target=put_much, args=(queue,))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert sum(len(queue.get()) for _ in range(100)) == 100 << 16


class TestFunctions:
    def test_lambdas_and_closures(self, pool: Any) -> None:
        secret = 42
        assert pool.apply(lambda: secret) == 42

    def test_of_a_program_given_by_c(self) -> None:
        assert (
            scripts.run(
                """
                import processing
                def double(number): return 2 * number
                if __name__ == "__main__":
                    with processing.Pool(1) as pool:
                        print(pool.map(double, [1, 2]))
                    process = processing.Process(target=double, args=(1,))
                    process.start()
                    process.join()
                    assert process.exitcode == 0
                """
            )
            == "[2, 4]\n"
        )


class TestArena:
    @needs_process_files
    @pytest.mark.skipif(SOCKET_FILES, reason="on this system memory is made with a name, which is unlinked at once")
    def test_it_is_in_no_file_system(self) -> None:
        scripts.run(
            """
            import os, processing
            things = [processing.Queue(), processing.Lock(), processing.Value("i")]
            things[0].put(b"x" * (1 << 20))
            with open("/proc/self/maps") as maps:
                assert "/dev/shm" not in maps.read()
            for entry in os.scandir("/proc/self/fd"):
                assert "/dev/shm" not in (os.readlink(entry.path) if os.path.exists(entry.path) else "")
            """
        )

    @pytest.mark.parametrize("how", ["function", "variable"])
    def test_its_limit(self, how: str) -> None:
        scripts.run(
            """
            import sys, processing
            if sys.argv[1] == "function":
                processing.set_arena_limit(1 << 20)
            queue = processing.Queue()
            try:
                queue.put(b"x" * (2 << 20))
            except MemoryError:
                pass
            else:
                raise AssertionError("it fitted")
            queue.put(b"x")
            assert queue.get() == b"x"
            """,
            how,
            **({"PROCESSING_ARENA_LIMIT": str(1 << 20)} if how == "variable" else {}),
        )


def test_the_default_start_method() -> None:
    assert scripts.run("import processing; print(processing.get_start_method())") == f"{ONE_METHOD}\n"
    assert processing.get_all_start_methods()[0] == ONE_METHOD


class TestValue:
    def test_reading_takes_no_lock(self, pool: Any) -> None:
        value = processing.Value("i", 41)
        with value.get_lock():
            assert pool.apply(getattr, (value, "value")) == 41


def die_holding(lock: Any, held: Any) -> None:
    lock.acquire()
    held.set()
    killing.kill(os.getpid())


def put_much(queue: Any) -> None:
    for _ in range(100):
        queue.put(b"x" * (1 << 16))
