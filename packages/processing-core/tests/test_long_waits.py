"""The records of long waits."""

from __future__ import annotations

from processing_testing.harness import scripts


def test_a_collection_during_a_record_does_not_block() -> None:
    """What is finalized may want a lock of CPython 3.11's, under which that lists the threads' frames."""
    scripts.run(
        """
        import gc, random, threading, time
        from processing_core import lowlevel
        from processing_core._native import _kernel

        def make_garbage():
            local = threading.local()
            local.value = 1
            circle = [local]
            circle.append(circle)

        def work():
            while not over.is_set():
                make_garbage()
                time.sleep(0)

        lowlevel.ensure_family()
        over = threading.Event()
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        dice = random.Random(1)
        for _ in range(3000):
            gc.set_threshold(dice.randrange(1, 40))
            make_garbage()
            number = _kernel.open_wait(0.4, 0, 0, 0, 0, -1.0)
            assert number >= 0
            _kernel.close_wait(number)
        assert gc.isenabled()
        gc.disable()
        _kernel.close_wait(_kernel.open_wait(0.4, 0, 0, 0, 0, -1.0))
        assert not gc.isenabled()
        over.set()
        for thread in threads:
            thread.join()
        """
    )
