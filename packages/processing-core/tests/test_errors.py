from __future__ import annotations

import builtins
import copy
import pickle
import subprocess
import sys

import pytest

import processing_core
from processing_core import _errors

EXAMPLES = [
    processing_core.ProcessError("text"),
    processing_core.HandleError("text"),
    processing_core.OwnerDied("text", 12, "Process-1", -9),
    processing_core.OwnerDied(),
    processing_core.NotHeldError("text"),
    processing_core.NotPicklableError("args[0].lock", "cannot pickle it"),
    processing_core.NotPicklableError(),
    processing_core.ForkError("text"),
    processing_core.StateError("text"),
    processing_core.ClosedError("text"),
    processing_core.TimeoutError("text"),
    processing_core.TimeoutError(1, "two arguments, as an OSError has"),
    processing_core.BufferTooShort(b"message"),
    processing_core.RemoteException("module.Kind", "text", "it cannot be pickled"),
    processing_core.RemoteTraceback("text"),
    processing_core.AuthenticationError("text"),
]

BUILTINS = {
    "HandleError": (ValueError,),
    "ForkError": (RuntimeError,),
    "StateError": (AssertionError, RuntimeError),
    "NotPicklableError": (pickle.PicklingError, TypeError, AttributeError),
    "ClosedError": (ValueError, OSError),
    "TimeoutError": (builtins.TimeoutError, OSError),
}


def test_every_error_has_an_example() -> None:
    assert {type(error).__name__ for error in EXAMPLES} == set(_errors.__all__)


@pytest.mark.parametrize("error", EXAMPLES, ids=repr)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_survives_pickling(error: Exception, protocol: int) -> None:
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error)):
        assert type(again) is type(error)
        assert (again.args, again.__dict__, str(again)) == (error.args, error.__dict__, str(error))


@pytest.mark.parametrize("error", EXAMPLES, ids=repr)
def test_descends_from_the_root(error: Exception) -> None:
    causes = processing_core.RemoteTraceback  # never raised, so never caught
    assert isinstance(error, processing_core.ProcessError) or type(error) is causes
    assert isinstance(error, BUILTINS.get(type(error).__name__, ()) or Exception)
    assert type(error).__module__ == "processing_core"


def test_owner_died_names_the_dead() -> None:
    error = processing_core.OwnerDied("text", 12, "Process-1", -9)
    assert (str(error), error.pid, error.process_name, error.exitcode) == ("text", 12, "Process-1", -9)


def test_kernel_raises_ours() -> None:
    from processing_core import lowlevel

    lowlevel.ensure_family()
    program = (
        "import pickle, sys; from processing_core import lowlevel, HandleError; lowlevel.ensure_family()\n"
        "try: pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "except HandleError as error: print(error)"
    )
    parcel = lowlevel.pack("something")
    run = subprocess.run(
        [sys.executable, "-c", program, pickle.dumps(parcel).hex()], capture_output=True, text=True, check=True
    )
    assert "family" in run.stdout, run.stderr


def test_a_missing_kernel_says_what_to_do() -> None:
    program = "import sys; sys.modules['processing_core._kernel'] = None; import processing_core"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ImportError: processing_core cannot load its native kernel")
    assert "install a C compiler" in last and "pip install" in last
