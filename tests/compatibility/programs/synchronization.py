"""Event, Barrier, Condition, the semaphores and RLock between processes."""

import importlib
import sys
import threading

multiprocessing = importlib.import_module(sys.argv[1])


def answer(go, done, values):
    go.wait()
    values.put("went")
    done.set()


def wait_at_barrier(barrier, arrivals):
    arrivals.put(("before", None))
    place = barrier.wait()
    arrivals.put(("after", place))
    barrier.wait()


def hold(barrier, reports):
    try:
        barrier.wait()
    except threading.BrokenBarrierError as error:
        reports.put((type(error).__name__, error.args))


def consume(condition, stage, reports):
    with condition:
        result = condition.wait_for(lambda: stage.value == 3)
    reports.put(("at stage 3", result))


def enter(semaphore, inside, most, go):
    go.wait()
    for _ in range(20):
        with semaphore:
            with inside.get_lock():
                inside.value += 1
                most.value = max(most.value, inside.value)
            with inside.get_lock():
                inside.value -= 1


def try_lock(lock, reports):
    reports.put(lock.acquire(False))
    reports.put(lock.acquire(timeout=0.01))


def events(queue):
    go, done = multiprocessing.Event(), multiprocessing.Event()
    process = multiprocessing.Process(target=answer, args=(go, done, queue))
    process.start()
    print("event", go.is_set(), done.is_set(), done.wait(0.01))
    go.set()
    print(queue.get(), done.wait(), done.wait(1), done.is_set())
    process.join()
    go.clear()
    print(go.is_set())


def barriers(queue):
    barrier = multiprocessing.Barrier(3)
    processes = [multiprocessing.Process(target=wait_at_barrier, args=(barrier, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    print("barrier", [queue.get(), queue.get()])
    place = barrier.wait()
    print(sorted([place, queue.get()[1], queue.get()[1]]))
    barrier.wait()
    for process in processes:
        process.join()
    print(barrier.parties, barrier.n_waiting, barrier.broken)
    holder = multiprocessing.Process(target=hold, args=(barrier, queue))
    holder.start()
    barrier.abort()
    print(queue.get(), barrier.broken)
    holder.join()
    barrier.reset()
    print(barrier.broken)
    try:
        barrier.wait(timeout=0.01)
    except threading.BrokenBarrierError as error:
        print(type(error).__name__, error.args, barrier.broken)


def conditions(queue):
    condition, stage = multiprocessing.Condition(), multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=consume, args=(condition, stage, queue))
    process.start()
    for _ in range(3):
        with condition:
            stage.value += 1
            condition.notify_all()
    print("condition", queue.get())
    process.join()
    with condition:
        print(condition.wait(0.01), condition.wait_for(lambda: False, 0.01), condition.wait_for(lambda: [7], 0.01))
        condition.notify()


def semaphores(queue):
    semaphore, go = multiprocessing.Semaphore(2), multiprocessing.Event()
    inside, most = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
    processes = [multiprocessing.Process(target=enter, args=(semaphore, inside, most, go)) for _ in range(3)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join()
    print("semaphore", inside.value, 1 <= most.value <= 2)
    print([semaphore.acquire(False) for _ in range(3)], semaphore.release(), semaphore.acquire(True, 0.01))
    bounded = multiprocessing.BoundedSemaphore(1)
    print(bounded.acquire(), bounded.acquire(timeout=0), bounded.release())
    try:
        bounded.release()
    except ValueError as error:
        print("ValueError", "released too many times" in str(error))


def locks(queue):
    lock, rlock = multiprocessing.Lock(), multiprocessing.RLock()
    for kind in (lock, rlock):
        with kind:
            process = multiprocessing.Process(target=try_lock, args=(kind, queue))
            process.start()
            print("lock", queue.get(), queue.get())
            process.join()
    print(rlock.acquire(), rlock.acquire(), rlock.release(), rlock.release())
    for kind in (lock, rlock):
        try:
            kind.release()
        except (ValueError, AssertionError) as error:
            print("not held", isinstance(error, ValueError if kind is lock else AssertionError))


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    for part in (events, barriers, conditions, semaphores, locks):
        part(multiprocessing.Queue())
