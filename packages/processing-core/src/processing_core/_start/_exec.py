"""Starting a fresh interpreter as a member of the family."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from processing_core._family import shown_name
from processing_core._native import _kernel
from processing_core._platform import start_program
from processing_core._start import _frozen, _settings
from processing_core._start._child import MemberId
from processing_core.annotations import signal

__all__ = ["execute", "interpreter_options", "reserved", "set_imports", "signals_blocked"]

# Options that change what a program means, by their name in ``sys.flags``.
_FLAGS = {
    "bytes_warning": "b",
    "dont_write_bytecode": "B",
    "no_site": "S",
    "optimize": "O",
    "verbose": "v",
}
_ISOLATION = {"no_user_site": "s", "ignore_environment": "E"}

# The directory that this package was imported from: a program may have found it by a ``sys.path``
# of its own making, which the child has only later.
_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# ``-c`` puts the working directory first, where a file may be called as a standard module is.
_COMMAND = """\
import sys
sys.path[:] = [p for p in sys.path if p]
{home} in sys.path or sys.path.append({home})
{before}from {module} import main
{behind}main({arguments})
"""


class _State:
    imports: tuple[str, str] = "", ""
    """What is run before and behind a child's first import."""


_state = _State()


def set_imports(before: str, behind: str) -> None:
    """Have children of this process's own interpreter run these lines before and behind their first import."""
    _state.imports = before, behind


@contextmanager
def reserved(name: str) -> Iterator[tuple[MemberId, int]]:
    """Reserve a member's slot for a child that the body starts: ((slot, serial), token).

    If the body raises, the slot is freed.  The token is closed at the end in any case, because the child has its own
    copy by then.
    """
    slot, serial, token = _kernel.reserve(shown_name(name))
    try:
        yield (slot, serial), token
    except BaseException:
        _kernel.close_token(token)
        _kernel.reap(slot, serial)
        raise
    _kernel.close_token(token)


def execute(
    born: list[int],
    module: str,
    member_id: MemberId,
    token: int,
    *descriptors: int,
    also: Iterable[int] = (),
    first: str = "",
) -> None:
    """Run ``main`` of ``module`` in a fresh interpreter, which inherits ``descriptors``.

    ``main`` is called with the arena, the token, the slot, the serial, and the descriptors, those
    that are -1 included.

    :param born: gets its pid, even if a signal handler raises.
    :param also: descriptors that it inherits besides.
    :param first: code that it runs before it imports the module, unless the program is frozen.
    :raises OSError: if the system refuses.
    """
    arguments = (_kernel.arena_fd(), token, *member_id, *descriptors)
    inherited = [fd for fd in (arguments[0], token, *descriptors, *also) if fd >= 0]
    start_program(_command(module, arguments, first), inherited, born)


@contextmanager
def signals_blocked(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Block signals in this thread, and in what is executed meanwhile until it unblocks them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _command(module: str, arguments: tuple[int, ...], first: str) -> list[str]:
    executable = _settings.executable()
    if not executable:
        raise RuntimeError("sys.executable is empty, as in a program that embeds Python: call set_executable first")
    if _frozen.frozen():
        return _frozen.command(executable, module, arguments)
    before, behind = _state.imports if executable == sys.executable else ("", "")
    listed = ", ".join(map(str, arguments))
    code = _COMMAND.format(home=ascii(_HOME), before=before, module=module, behind=behind, arguments=listed)
    return [executable, *interpreter_options(), "-c", first + code]


def interpreter_options() -> list[str]:
    """The options with which this program's interpreter was started, for a child's."""
    options = [
        "-" + letter * int(getattr(sys.flags, name)) for name, letter in _FLAGS.items() if getattr(sys.flags, name)
    ]
    options += _isolation_options()
    options += [f"-W{option}" for option in sys.warnoptions]
    for key, value in sys._xoptions.items():
        options += ["-X", key if value is True else f"{key}={value}"]
    return options


def _isolation_options() -> list[str]:
    if sys.flags.isolated:
        return ["-I"]
    options = [f"-{letter}" for name, letter in _ISOLATION.items() if getattr(sys.flags, name)]
    return [*options, "-P"] if sys.flags.safe_path else options
