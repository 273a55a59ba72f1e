"""A user's processes: mypy --strict and pyright check it, and it is not run, as `sample.py` beside it."""

from __future__ import annotations

from typing import assert_type

import processing
import processing_core.lowlevel


def greet(name: str, times: int = 1) -> None: ...


def variadic(*names: str) -> int:
    return len(names)


class Greeter:
    def greet(self, name: str) -> None: ...

    def __call__(self, times: int) -> None: ...


def arguments() -> None:
    processing.Process(target=greet, args=("Ada",))
    processing.Process(target=greet, args=("Ada", 2))
    processing.Process(target=greet, args=(1, "Ada"))  # type: ignore[arg-type]
    processing.Process(target=variadic, args=("Ada", "Grace", "Barbara"))
    processing.Process(target=variadic, args=("Ada", 1))  # type: ignore[arg-type]
    processing.Process(target=Greeter().greet, args=("Ada",))
    processing.Process(target=Greeter().greet, args=(1,))  # type: ignore[arg-type]
    processing.Process(target=Greeter(), args=(1,))
    processing.Process(target=Greeter(), args=("Ada",))  # type: ignore[arg-type]
    processing.Process(target=lambda: None)
    processing.Process(target=greet, name="greeter", kwargs={"name": "Ada"})
    for method in processing.get_all_start_methods():
        processing.get_context(method).Process(target=greet, args=("Ada", 2))
        processing.get_context(method).Process(target=greet, args=(1, "Ada"))  # type: ignore[arg-type]


def life() -> None:
    process = processing.Process(target=greet, args=("Ada",), daemon=True)
    process.start()
    process.interrupt()
    process.terminate()
    process.kill()
    assert_type(process.sentinel, int)
    assert_type(process.pid, int | None)
    assert_type(process.native_id, int | None)
    assert_type(process.exception, BaseException | None)
    process.exception = ValueError()  # type: ignore[misc]
    assert_type(processing.active_children(), list[processing_core.lowlevel.BaseProcess])
    process.close()


def failures() -> None:
    try:
        processing.Process(target=greet).start()
    except processing.NotPicklableError as error:
        assert_type(error.path, str)
    try:
        raise processing.RemoteException("module.Kind", "text", "reason")
    except processing.ProcessError:
        pass


def hook(args: processing.ExceptHookArgs) -> None:
    assert_type(args.exc_type, type[BaseException])
    assert_type(args.exc_value, BaseException | None)


def hooks() -> None:
    processing.excepthook = hook
    processing.excepthook(processing.ExceptHookArgs(ValueError, ValueError(), None, None))
