"""Large buffers through queues: one copy in, none out, and a killed process leaves nothing behind."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from processing_core import BaseContext, lowlevel
from processing_queues import Empty, Queue
from processing_testing.children import payloads
from processing_testing.harness.rendezvous import Rendezvous

LITTLE = 50 << 20
"""Bytes: what promise 10 allows beyond one shared copy."""


@pytest.mark.watchdog(600)
def test_promise_10_one_shared_copy(context: BaseContext, rounds: Callable[[int, int], int]) -> None:
    size = rounds(128 << 20, 1_000_000_000)
    there: Queue[Any] = Queue()
    back: Queue[Any] = Queue()
    child = context.Process(target=payloads.pass_array_on, args=(there, back))
    child.start()
    array = np.ones(size // 8)
    before = payloads.own_memory()
    used = lowlevel.stats()["used"]
    there.put(array)
    assert payloads.own_memory() - before < LITTLE
    assert lowlevel.stats()["used"] - used < size + LITTLE
    total, writable, grown = back.get(timeout=300)
    child.join()
    assert (total, writable) == (2 * (size // 8), True)
    assert grown < LITTLE
    assert array.sum() == size // 8  # the sender's array has not changed
    assert lowlevel.stats()["used"] - used < LITTLE


def test_an_argument_of_a_process_is_no_copy_either(context: BaseContext) -> None:
    back: Queue[Any] = Queue()
    array = np.zeros(16 << 20)  # 128 MiB
    child = context.Process(target=payloads.sum_of, args=(array, back))
    child.start()
    total, grown = back.get(timeout=60)
    child.join()
    assert total == len(array) and array.sum() == 0
    if context.get_start_method() != "fork":
        assert grown < LITTLE


def test_a_receiver_that_dies_frees_what_it_held(context: BaseContext, rendezvous: Rendezvous) -> None:
    queue: Queue[Any] = Queue()
    child = context.Process(target=payloads.hold_array, args=(queue, rendezvous.address))
    child.start()
    queue.put(np.ones(1 << 17))
    assert rendezvous.receive() == 1 << 17
    cells = lowlevel.stats()["cells"]
    child.kill()
    child.join()
    lowlevel.sweep()
    assert lowlevel.stats()["cells"] < cells


@pytest.mark.attack
@pytest.mark.watchdog(1200)
def test_kills_leave_no_block_behind(
    context: BaseContext, rendezvous: Rendezvous, rounds: Callable[[int, int], int]
) -> None:
    dice = random.Random(10)
    queue: Queue[Any] = Queue(20)
    gc.collect()
    before = lowlevel.stats()["cells"]
    for _ in range(rounds(3, 100)):
        victims = [
            context.Process(target=target, args=(queue, rendezvous.address), daemon=True)
            for target in (payloads.put_arrays_for_ever, payloads.get_arrays_for_ever)
        ]
        for victim in victims:
            victim.start()
        for _ in victims:
            rendezvous.receive()
        over = time.monotonic() + dice.random() * 0.02
        while time.monotonic() < over:
            _take_one(queue)
        dice.shuffle(victims)
        for victim in victims:
            victim.kill()
            victim.join()
    while not queue.empty():
        _take_one(queue)
    del victim, victims
    gc.collect()
    lowlevel.sweep()
    lowlevel.verify()
    assert lowlevel.stats()["cells"] <= before


def _take_one(queue: Queue[Any]) -> None:
    with suppress(Empty):
        i, array = queue.get(timeout=0.1)
        assert (array == i).all()
