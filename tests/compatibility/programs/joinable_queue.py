"""Workers on a JoinableQueue: join returns when every task is done, and sentinels end the workers."""

import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def work(tasks, results):
    for task in iter(tasks.get, None):
        results.put((task, sum(range(task))))
        tasks.task_done()
    tasks.task_done()


def main():
    tasks, results = multiprocessing.JoinableQueue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(tasks, results), daemon=True) for _ in range(3)]
    for worker in workers:
        worker.start()
    for task in range(30):
        tasks.put(task)
    tasks.join()
    print(sorted(results.get() for _ in range(30)))
    for task in range(5):
        tasks.put(task * 1000)
    tasks.join()
    print(sorted(results.get() for _ in range(5)))
    for _ in workers:
        tasks.put(None)
    tasks.join()
    for worker in workers:
        worker.join()
    print([worker.exitcode for worker in workers])
    try:
        tasks.task_done()
    except ValueError as error:
        print("ValueError", error)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
