"""``python -m processing_testing.thread_stress [--seconds 600] [--threads 8] [PART ...]``."""

from __future__ import annotations

import argparse
import faulthandler
import os
import sys
import time
import traceback

from processing_core import lowlevel
from processing_testing.thread_stress.parts import PARTS
from processing_testing.thread_stress.runner import THREADS, run, shares


def main() -> int:
    """:return: 1 if a part failed; a part that hangs ends the process with exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long altogether")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all, if none is named")
    options = parser.parse_args()
    faulthandler.enable()
    chosen = options.parts or list(PARTS)
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"CPython {sys.version.split()[0]}, GIL {'on' if gil else 'off'}, {options.threads} threads", flush=True)
    begin, failed = time.monotonic(), False
    for seconds in shares(options.seconds, len(chosen)):
        for name in chosen:
            report = run(PARTS[name], seconds, options.threads)
            print(f"{name}: {report.rounds} rounds{', FAILED' * report.failed}", flush=True)
            for error in report.errors[:3]:
                traceback.print_exception(error)
            if report.hung:
                print(f"{name}: {report.hung} threads hang", flush=True)
                os._exit(2)
            failed |= report.failed
        lowlevel.verify()
    print(f"{'FAILED' if failed else 'passed'} in {time.monotonic() - begin:.0f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
