"""Functions for child processes of tests with large buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from processing_testing.harness.rendezvous import RendezvousClient


def own_memory() -> int:
    """The private anonymous memory of this process in bytes."""
    return next(
        int(line.split()[1]) << 10
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("RssAnon")
    )


def pass_array_on(source: Any, target: Any) -> None:
    """Get an array, double it in place, and put the sum and how many bytes this process's own memory has grown by."""
    before = own_memory()
    array = source.get(timeout=300)
    array *= 2
    target.put((float(array.sum()), bool(array.flags.writeable), own_memory() - before))


def hold_array(queue: Any, address: str) -> None:
    """Get an array and hold it until killed."""
    array = queue.get(timeout=30)
    client = RendezvousClient(address)
    client.send(float(array.sum()))
    client.wait_for_release()


def put_arrays_for_ever(queue: Any, address: str) -> None:
    """Tell the test, then put arrays until killed."""
    RendezvousClient(address).send("here")
    i = 0
    while True:
        queue.put((i, np.full(5000 + i % 7, i)))
        i += 1


def get_arrays_for_ever(queue: Any, address: str) -> None:
    """Tell the test, then get arrays until killed, and hold the last few."""
    RendezvousClient(address).send("here")
    held: list[Any] = []
    while True:
        i, array = queue.get()
        assert (array == i).all()
        held = [*held[-3:], array]


def sum_of(array: Any, target: Any) -> None:
    """Add 1 to an array that was an argument; put its sum and how many bytes this process's own memory has grown by."""
    before = own_memory()
    array += 1
    target.put((float(array.sum()), own_memory() - before))
