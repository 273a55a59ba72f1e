"""The same API over threads, and a pool of threads."""

import importlib
import sys
import threading

dummy = importlib.import_module(sys.argv[1] + ".dummy")
pools = importlib.import_module(sys.argv[1] + ".pool")

local = threading.local()


def work(tasks, results, lock):
    for task in iter(tasks.get, None):
        with lock:
            results.append(task + 1)
        tasks.task_done()
    tasks.task_done()


def configure(word):
    local.word = word


def say(name):
    return f"{local.word} {name}"


def invert(number):
    return 1 / number


def main():
    tasks, results, lock = dummy.JoinableQueue(), dummy.Manager().list(), dummy.Lock()
    workers = [dummy.Process(target=work, args=(tasks, results, lock), name=f"worker {n}") for n in range(3)]
    print([worker.name for worker in workers], workers[0].is_alive(), workers[0].exitcode)
    for worker in workers:
        worker.start()
    for task in [*range(10), None, None, None]:
        tasks.put(task)
    tasks.join()
    for worker in workers:
        worker.join()
    print(sorted(results), [worker.exitcode for worker in workers], dummy.active_children())

    with dummy.Pool(2, configure, ("hi",)) as pool:
        print(pool.map(say, "abc"), pool.apply(say, ("d",)), list(pool.imap(say, "ef")))
        print(sorted(pool.imap_unordered(lambda number: number * number, range(5))))
        print(pool.starmap(max, [(1, 2), (4, 3)]), pool.apply_async(len, ["four"]).get(10))
        try:
            pool.map(invert, [1, 0])
        except ZeroDivisionError as error:
            print(error)
    with pools.ThreadPool(3) as pool:
        print(pool.map(invert, [1, 2, 4], chunksize=1), type(pool).__name__)

    ours, theirs = dummy.Pipe()
    ours.send("through a pipe")
    print(theirs.poll(), theirs.recv(), theirs.poll(), theirs.poll(0.01))
    event, value, array = dummy.Event(), dummy.Value("i", 3), dummy.Array("i", [1, 2])
    value.value += 1
    array[0] = 5
    dummy.Process(target=event.set).start()
    print(event.wait(), value.value, list(array))
    namespace = dummy.Manager().Namespace(x=1)
    namespace.y = 2
    print(namespace.x + namespace.y, dummy.Manager().dict(a=1), dummy.current_process() is threading.current_thread())


if __name__ == "__main__":
    main()
