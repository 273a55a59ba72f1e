"""Programs that close every descriptor, as daemons do, and open files under the numbers: the files stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import processing
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import MAPPED_FILES

PROGRAM = """
    import errno, gc, os, signal, sys, threading
    import processing
    from processing.connection import Client, Listener

    METHOD, NAME, FOLDER, MAPPED_FILES = sys.argv[1:]

    def listener():
        listener, accepted = Listener(), []
        accepting = threading.Thread(target=lambda: accepted.append(listener.accept()))
        accepting.start()
        client = Client(listener.address)
        accepting.join()
        return [lambda: client.send("text"), client.close, listener.close], [client, listener, accepted]

    def dropped_listener():
        return [], [Listener()]

    def manager():
        manager = context.Manager()
        shared = manager.dict()
        shared["a"] = 1
        return [lambda: shared["a"], manager.shutdown], [shared, manager]

    def pool():
        pool = context.Pool(1)
        pool.apply(abs, (-1,))
        return [pool.terminate, pool.join], [pool]

    def process():
        process = context.Process(target=signal.pause, daemon=True)
        process.start()
        return [process.terminate, process.join], [process]

    def files():
        for number in range(60):
            fd = os.open(f"{FOLDER}/{number}", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"the program's")
            yield fd, os.fstat(fd).st_ino

    def check():
        for fd, inode in opened:
            assert os.fstat(fd).st_ino == inode, fd
            assert os.pread(fd, 100, 0) == b"the program's", (fd, os.pread(fd, 100, 0))

    context = processing.get_context(METHOD)
    uses, objects = globals()[NAME]()
    os.closerange(3, 300)
    opened = list(files())
    for use in uses:
        try:
            use()
        except (OSError, processing.ServerGone, processing.PoolBroken):
            pass  # it may say that it cannot work any more
        check()
    del uses, use
    objects.clear()
    gc.collect()
    check()
    for _ in range(2):  # new ones work, and do not use what the old ones have lost
        try:
            with context.Manager() as another:
                assert list(another.list([1])) == [1]
        except OSError as error:
            if MAPPED_FILES == "True" or error.errno != errno.EBADF:
                raise
        check()
"""


@pytest.mark.watchdog(60)
@pytest.mark.parametrize("name", ["listener", "dropped_listener", "manager", "pool", "process"])
@pytest.mark.parametrize("method", processing.get_all_start_methods())
def test_files_stay_as_they_are(method: str, name: str, tmp_path: Path) -> None:
    text = PROGRAM.replace("del uses, use\n", "del uses\n") if name == "dropped_listener" else PROGRAM
    scripts.run(text, method, name, str(tmp_path), str(MAPPED_FILES))
