"""A manager's lists, dictionaries, namespaces, values and primitives, shared and nested."""

import importlib
import operator
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def change(numbers, table, namespace, value, array, lock):
    with lock:
        numbers.reverse()
        numbers.append("from the child")
        table["child"] = len(numbers)
        table[2] = None
        namespace.y = namespace.x * 2
        del namespace.gone
        value.value += 1
        array[0] = 99


def finish(queue, event):
    queue.put("finished")
    event.set()


def add(table, key):
    table[key] = key * key


def attempt(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, error.args)


def lists(manager):
    numbers = manager.list(range(5))
    numbers.extend([7, 6])
    numbers.insert(0, -1)
    numbers += ["x"]
    print(numbers, len(numbers), numbers[2], numbers[-2:], 7 in numbers, numbers.index(7), numbers.count(0))
    numbers.remove("x")
    numbers.sort(key=operator.neg)
    print(numbers.pop(), numbers[:], [item for item in numbers], numbers * 2)  # noqa: C416
    del numbers[1:3]
    numbers[0] = "first"
    print(str(numbers), numbers._getvalue(), numbers + ["end"])  # noqa: RUF005
    attempt(lambda: numbers[100])
    attempt(lambda: numbers.remove("absent"))
    attempt(lambda: manager.list().pop())


def dictionaries(manager):
    table = manager.dict({"one": 1}, two=2)
    table.update({"three": 3})
    print(table, len(table), "one" in table, "four" in table, table["two"], table.get("four"), table.get("four", 4))
    print(sorted(table.keys()), sorted(table.values()), sorted(table.items()), sorted(table))
    print(table.pop("one"), table.setdefault("five", 5), table.copy(), table.popitem())
    del table["two"]
    print(table)
    table.clear()
    print(table)
    attempt(lambda: table["absent"])
    attempt(table.popitem)


def nested(manager):
    outer = manager.list([manager.list([1, 2]), manager.dict(a=1)])
    outer[0].append(3)
    outer[1]["b"] = manager.list("bc")
    print(outer[0], outer[1]["a"], outer[1]["b"], len(outer))
    plain = manager.list([[1]])
    plain[0].append(2)
    print(plain)
    copy = plain[0]
    copy.append(2)
    plain[0] = copy
    print(plain)


def main():
    with multiprocessing.Manager() as manager:
        lists(manager)
        dictionaries(manager)
        nested(manager)

        numbers, table = manager.list([1, 2, 3]), manager.dict({1: "1"})
        namespace = manager.Namespace(x=21, gone=0)
        namespace._private = "not shown"
        value, array, lock = manager.Value("i", 4), manager.Array("i", [1, 2, 3]), manager.Lock()
        process = multiprocessing.Process(target=change, args=(numbers, table, namespace, value, array, lock))
        process.start()
        process.join()
        print(process.exitcode, numbers, table)
        print(namespace, namespace.y, hasattr(namespace, "gone"), value, value.value, array, array[0], len(array))

        queue, event = manager.Queue(), manager.Event()
        process = multiprocessing.Process(target=finish, args=(queue, event))
        process.start()
        print(event.wait(), event.is_set(), queue.get(), queue.empty(), queue.qsize())
        process.join()
        with multiprocessing.Pool(2) as pool:
            pool.starmap(add, [(table, key) for key in range(3, 6)])
        print(sorted(table.items(), key=str))

        semaphore, rlock, condition = manager.Semaphore(1), manager.RLock(), manager.Condition()
        print(semaphore.acquire(), semaphore.acquire(False), semaphore.release())
        print(rlock.acquire(), rlock.acquire(), rlock.release(), rlock.release())
        with condition:
            print(condition.wait(0.01), condition.notify(), condition.notify_all())
        barrier = manager.Barrier(1)
        print(barrier.wait(), barrier.parties, barrier.broken, barrier.n_waiting)
        attempt(lambda: manager.BoundedSemaphore(1).release())
        attempt(lambda: manager.Queue(1).get_nowait())
        with manager.Pool(1) as pool:
            print(pool.map(operator.neg, [1, 2]), pool.apply(operator.add, (1, 2)))
        print(manager.address is not None)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
