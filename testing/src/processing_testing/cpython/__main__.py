"""Runs CPython's tests on `processing`: ``python -m processing_testing.cpython [--method M] [--share N] [WORDS ...]``.

Each test class runs in a process of its own with a time limit; its process group is ended with it.  A test that fails
and is not in ``exclusions.toml`` fails the run, and so does an exclusion that no test needs any more (in a full run).
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from processing_testing.cpython.environment import METHODS, make_environment
from processing_testing.cpython.exclusions import Exclusions
from processing_testing.cpython.running import Outcome, TestClass, find, run


def main() -> int:
    options = _options()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job; but tests raise SIGINT
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        python = make_environment(Path(folder))
        found = [case for case in find(python, options.method) if _chosen(case, options)]
        chosen = found[options.seed % options.share :: options.share]
        print(f"{len(chosen)} of {len(found)} test classes, {', '.join(options.method)}", flush=True)
        outcomes = list(_run_all(python, chosen, options))
    exclusions = Exclusions.read() if not options.multiprocessing else Exclusions([])
    full = options.share == 1 and not options.words and set(options.method) == set(METHODS)
    return _report(outcomes, exclusions, full)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="processing_testing.cpython", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only classes whose module or name holds one of these")
    parser.add_argument("--method", action="append", choices=METHODS, help="a start method; all by default")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every N-th class only")
    parser.add_argument("--seed", type=int, default=0, help="with which class the share begins")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds that a class may take")
    parser.add_argument("--jobs", type=int, default=2, help="classes at a time")
    parser.add_argument("--multiprocessing", action="store_true", help="run multiprocessing itself, to compare with")
    parser.add_argument("--verbose", action="store_true", help="show why a test failed")
    options = parser.parse_args()
    options.method = options.method or list(METHODS)
    return options


def _chosen(case: TestClass, options: argparse.Namespace) -> bool:
    return not options.words or any(word in f"{case.module}.{case.name}" for word in options.words)


def _run_all(python: Path, cases: list[TestClass], options: argparse.Namespace) -> Iterator[Outcome]:
    with ThreadPoolExecutor(options.jobs) as threads:
        for outcomes in threads.map(lambda case: run(python, case, options.limit, options.multiprocessing), cases):
            for outcome in outcomes:
                if outcome.result in ("failed", "hung"):
                    print(f"{outcome.result}: {outcome}", flush=True)
                    if options.verbose:
                        print(outcome.text, flush=True)
                yield outcome


def _report(outcomes: list[Outcome], exclusions: Exclusions, full: bool) -> int:
    unexpected = [outcome for outcome in outcomes if outcome.is_bad and not exclusions.covers(outcome)]
    for method, suite in dict.fromkeys((outcome.method, outcome.suite) for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if (outcome.method, outcome.suite) == (method, suite)]
        counts = Counter(outcome.result for outcome in of_it)
        excluded = sum(outcome.is_bad and exclusions.covers(outcome) for outcome in of_it)
        tried = len(of_it) - counts["skipped"]
        shown = f"{counts['passed']} of {tried} passed ({counts['passed'] / max(tried, 1):.1%})"
        print(f"{method}, tests of {suite}: {shown}, {counts['skipped']} skipped, {excluded} excluded")
    idle = exclusions.idle(outcomes) if full else []
    for exclusion in idle:
        print(f"excluded in vain: {exclusion.test}")
    for outcome in unexpected:
        print(f"FAILED {outcome}: {outcome.reason}")
    passed = sum(outcome.result == "passed" for outcome in outcomes)
    print(f"{passed} passed, {len(unexpected)} failed")
    return int(bool(unexpected or idle or not passed))


if __name__ == "__main__":
    sys.exit(main())
