"""Initializers, workers that retire, pools without arguments, and how a pool ends."""

import importlib
import os
import sys

multiprocessing = importlib.import_module(sys.argv[1])

settings = {"greeting": "unset"}


def configure(greeting, counter):
    settings["greeting"] = greeting
    with counter.get_lock():
        counter.value += 1


def greet(name):
    return f"{settings['greeting']}, {name}"


def pid(_):
    return os.getpid()


def main():
    counter = multiprocessing.Value("i", 0)
    with multiprocessing.Pool(2, initializer=configure, initargs=("Hello", counter)) as pool:
        print(pool.map(greet, ["Ada", "Grace", "Edsger"]))
        pool.close()
        pool.join()
    print("configured", counter.value, "here", settings["greeting"])

    with multiprocessing.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(pid, (None,)) for _ in range(6)]
        print("processes", len(set(pids)), pids[0] == pids[1], pids[1] != pids[2], os.getpid() not in pids)
    with multiprocessing.Pool(1) as pool:
        print("processes", len({pool.apply(pid, (None,)) for _ in range(6)}))
    with multiprocessing.Pool(1, maxtasksperchild=1) as pool:
        print("processes", len(set(pool.map(pid, range(4), chunksize=2))))

    pool = multiprocessing.Pool(2)
    pool.terminate()
    pool.join()
    for attempt in [lambda: pool.map(pid, [1]), lambda: pool.apply_async(pid, (1,)), pool.__enter__]:
        try:
            attempt()
        except ValueError as error:
            print("ValueError", error)
    running = multiprocessing.Pool(1)
    try:
        running.join()
    except ValueError as error:
        print("ValueError", error)
    finally:
        running.terminate()
        running.join()
    for wrong in [{"processes": 0}, {"processes": -1}, {"initializer": 5}, {"maxtasksperchild": 0}]:
        try:
            multiprocessing.Pool(**wrong)
        except (ValueError, TypeError) as error:
            print(type(error).__name__, str(error).split(",")[0][:20])
    print("left", multiprocessing.active_children())


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
