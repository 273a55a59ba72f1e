"""When a process runs out of descriptors, every public object raises an error with the limit, and works again later."""

from __future__ import annotations

import errno
import os

import pytest

from processing_core.lowlevel import limit_named
from processing_testing.children import scarcity
from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_resource_limits

pytestmark = [needs_resource_limits, pytest.mark.attack]  # minutes

NEED_NONE = {"queue", "lock", "value", "shared_array"}
"""Objects that are in the arena only."""


@pytest.mark.watchdog(180)
@pytest.mark.parametrize(
    ("name", "method"),
    [
        (name, method)
        for name in scarcity.USES
        for method in ("fork", "spawn")
        if name in scarcity.STARTING or method == "fork"
    ],
)
def test_with_ever_more_descriptors(name: str, method: str) -> None:
    """The process has an arena and has used the object before."""
    scripts.run(
        f"""
        import sys
        import processing
        from processing_testing.children import scarcity

        use, context = scarcity.USES[sys.argv[2]], processing.get_context(sys.argv[1])
        use(context)
        use(context)
        failures = scarcity.failures(use, context)
        assert (failures == 0) == (sys.argv[2] in {NEED_NONE!r}), failures
        """,
        method,
        name,
    )


@pytest.mark.watchdog(180)
@pytest.mark.parametrize("name", scarcity.USES)
def test_as_the_first_thing_that_a_program_does(name: str) -> None:
    """The process has no arena yet, and has not imported what the object needs."""
    scripts.run(
        """
        import os, sys
        import processing
        from processing_testing.children import scarcity

        use, context = scarcity.USES[sys.argv[1]], processing.get_context("forkserver")
        for spare in range(scarcity.MOST):
            child = os.fork()
            if not child:
                status = 1
                try:
                    if scarcity.refused(use, context, spare):
                        use(context)  # it can be used all the same, once there are enough
                        status = 2
                    else:
                        status = 0
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                finally:
                    sys.stderr.flush()
                    from processing_core import _exit

                    os._exit(status)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert status in (0, 2), (spare, status)
            assert spare or status == 2, "the arena needs one"
            if not status:
                break
        """,
        name,
    )


def test_the_limit_is_named_once() -> None:
    with pytest.raises(OSError, match="Too many") as raised, limit_named(), limit_named():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a file")
    assert str(raised.value).count("RLIMIT_NOFILE") == 1
    assert raised.value.filename == "a file"


def test_where_the_whole_system_has_run_out() -> None:
    with pytest.raises(OSError, match="fs.file-max") as raised, limit_named():
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
    assert raised.value.errno == errno.ENFILE


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(OSError, match="of no number") as raised, limit_named():
        raise OSError("of no number")
    assert raised.value.args == ("of no number",)
    with pytest.raises(FileNotFoundError) as missing, limit_named():
        os.stat("/nowhere")
    assert missing.value.strerror == os.strerror(errno.ENOENT)
