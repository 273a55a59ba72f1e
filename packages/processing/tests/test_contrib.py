"""joblib and tqdm on this package's pools, and the pool that they reuse."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import processing
from processing_testing.harness.mechanisms import START_METHODS

METHODS = START_METHODS

JOBLIB = """
import sys
import processing
{way}
from joblib import Parallel, delayed

def refuse(number):
    raise ValueError(number)

def pool_of(number):
    return processing.worker_id() is not None and number * 2

if __name__ == "__main__":
    processing.set_start_method(sys.argv[1])
    print(Parallel(n_jobs=2)(delayed(pool_of)(number) for number in range(5)))
    print(Parallel(n_jobs=2, backend="processing")(delayed(pool_of)(number) for number in range(3)))
    print(list(Parallel(n_jobs=2, return_as="generator")(delayed(abs)(-number) for number in range(5))))
    try:
        Parallel(n_jobs=2)(delayed(refuse)(number) for number in range(5))
    except ValueError as error:
        print("ValueError")
    print(Parallel(n_jobs=2)(delayed(lambda number: number + 1)(number) for number in range(5)))
"""

WAYS = {
    "registered": "from processing.contrib.joblib import register; register()",
    "replaced": "processing.replace_multiprocessing()",
    "replaced afterwards": "import joblib; processing.replace_multiprocessing()",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
def test_joblib_runs_on_our_pool(tmp_path: Path, method: str, way: str) -> None:
    pytest.importorskip("joblib")
    program = tmp_path / "program.py"
    program.write_text(JOBLIB.format(way=WAYS[way]))
    result = subprocess.run([sys.executable, str(program), method], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "[0, 2, 4, 6, 8]",
        "[0, 2, 4]",
        "[0, 1, 2, 3, 4]",
        "ValueError",
        "[1, 2, 3, 4, 5]",
    ]


def test_a_progress_bar() -> None:
    pytest.importorskip("tqdm")
    from processing.contrib.tqdm import process_map

    given: list[dict[str, Any]] = []

    def bar(results: Any, **kwargs: Any) -> Any:
        given.append(kwargs)
        return results

    assert process_map(pow, range(5), [2] * 6, max_workers=2, tqdm_class=bar, desc="squares") == [0, 1, 4, 9, 16]
    assert given == [{"desc": "squares", "total": 5}]


def test_the_program_has_one_pool_as_long_as_it_runs_and_is_made_alike() -> None:
    first = processing.reusable_pool(1)
    try:
        assert processing.reusable_pool(1) is first
        other = processing.reusable_pool(1, maxtasksperchild=5)
        assert other is not first
        with pytest.raises(ValueError, match="not running"):
            first.apply(os.getpid)
        other.terminate()
        again = processing.reusable_pool(1, maxtasksperchild=5)
        assert again is not other
        assert again.apply(abs, (-2,)) == 2
    finally:
        processing.reusable_pool(1).terminate()


def test_what_the_earlier_pool_was_given_is_done() -> None:
    first = processing.reusable_pool(1)
    result = first.map_async(abs, range(1000), chunksize=1)
    processing.reusable_pool(2).terminate()
    assert result.get() == list(range(1000))


def test_threads_get_the_same_pool() -> None:
    found: list[processing.Pool] = []
    threads = [threading.Thread(target=lambda: found.append(processing.reusable_pool(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(found) == 8
        assert len(set(found)) == 1
    finally:
        found[0].terminate()


def test_a_wrong_argument_leaves_the_pool() -> None:
    first = processing.reusable_pool(1)
    try:
        with pytest.raises(ValueError, match="0"):
            processing.reusable_pool(0)
        assert processing.reusable_pool(1) is first
    finally:
        first.terminate()
