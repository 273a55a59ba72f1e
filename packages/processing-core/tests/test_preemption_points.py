"""At the points where no lock is held, other threads and processes do what they may: an answer stays right."""

import subprocess
import sys

from processing_testing.harness.mechanisms import needs_forks

FINISHES = """
from processing_testing.crash.runner import ARENA_LIMIT, load_crash_kernel

kernel = load_crash_kernel()
kernel.create_family("runner", ARENA_LIMIT)
queue = kernel.TaskQueue()


def others():
    if preemptions:
        preemptions.pop()
        for number in range(3):
            queue.put(number), queue.get(), queue._task_done()


for count in range(1, 8):
    preemptions = list(range(count))
    queue.put("ours"), queue.get()
    kernel.preempt_by(others)
    queue._task_done()  # raises nothing: that message was not finished
    kernel.preempt_by(None)
    assert len(preemptions) < count, "it passed no point"
    assert queue._unfinished() == 0 and queue._join(0)
    try:
        queue._task_done()
    except ValueError as error:
        print(error)
"""


@needs_forks
def test_others_that_publish_and_finish_meanwhile_do_not_hide_an_unfinished_message() -> None:
    run = subprocess.run([sys.executable, "-c", FINISHES], capture_output=True, text=True, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == ["task_done() called too many times"] * 7
