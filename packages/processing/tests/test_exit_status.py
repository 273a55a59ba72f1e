"""Programs that end by Ctrl-C end as by SIGINT.

The interpreter forgets this when it compiles a text in between, as the import of a module with a named tuple does: so
nothing that runs at the exit may import such modules.
"""

import os
import signal

import pytest

from processing_testing.harness import scripts

OBJECTS = {
    "nothing": "None",
    "lock": "processing.Lock()",
    "value": "processing.Value('i')",
    "array": "processing.Array('i', 3)",
    "queue": "processing.Queue()",
    "pipe": "processing.Pipe()",
    "shared memory": "__import__('processing.shared_memory').shared_memory.SharedMemory(create=True, size=1)",
    "manager": "processing.Manager()",
    "pool": "processing.Pool(1)",
    "process": "started(processing.Process(target=signal.pause, daemon=True))",
    "executor": "processing.ProcessPoolExecutor(1)",
    "listener": "__import__('processing.connection').connection.Listener()",
}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere Ctrl-C is no signal")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("name", OBJECTS)
def test_of_a_program_that_is_interrupted(name: str, method: str) -> None:
    scripts.run(
        f"""
        import signal, sys
        import processing

        def started(process):
            process.start()
            return process

        processing.set_start_method(sys.argv[1])
        kept = {OBJECTS[name]}
        signal.signal(signal.SIGINT, signal.default_int_handler)
        raise KeyboardInterrupt
        """,
        method,
        status=-signal.SIGINT,
    )
