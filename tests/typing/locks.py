"""A user's program, typed: the holders of locks, and repairing."""

from __future__ import annotations

import processing


def describe(lock: processing.Lock) -> str:
    owner = lock.owner
    if owner is None:
        return "free"
    name: str | None = owner.process_name
    held: float | None = owner.held
    return f"{name} for {held} s, awaited by {[waiter.pid for waiter in lock.waiters]}"


def repair(lock: processing.Lock | processing.RLock) -> float | None:
    try:
        lock.acquire()
    except processing.OwnerDied as death:
        with lock.recover():
            return death.held
    lock.release()
    return None


def introspect() -> dict[str, list[processing.Holder]]:
    return {row.created or "?": row.holders for row in processing.primitives()}


permits: processing.Semaphore = processing.Semaphore(3, reclaim=True)
