"""Pool: every way to submit, in order and out of order, and with callbacks."""

import importlib
import operator
import sys
import threading

multiprocessing = importlib.import_module(sys.argv[1])


def square(number):
    return number * number


def power(base, exponent=2, *, offset=0):
    return base**exponent + offset


def invert(number):
    return 1 / number


def whoami(_):
    me = multiprocessing.current_process()
    return me.daemon, multiprocessing.parent_process() is not None


def callbacks(pool):
    got, called = [], threading.Semaphore(0)

    def keep(result):
        got.append(result if not isinstance(result, Exception) else f"{type(result).__name__}: {result}")
        called.release()

    pool.apply_async(square, (12,), callback=keep).wait()
    called.acquire()
    pool.apply_async(invert, (0,), callback=keep, error_callback=keep).wait()
    called.acquire()
    pool.map_async(square, range(4), callback=keep).wait()
    called.acquire()
    pool.map_async(invert, [1, 0], error_callback=keep).wait()
    called.acquire()
    pool.starmap_async(power, [(2, 3), (3, 2)], callback=keep).wait()
    called.acquire()
    print(got)


def main():
    with multiprocessing.Pool(2) as pool:
        print(pool.apply(square, (7,)), pool.apply(power, (2,), {"exponent": 5, "offset": 1}))
        result = pool.apply_async(power, (3,), {"offset": 0.5})
        print(result.get(timeout=30), result.ready(), result.successful())
        print(pool.map(square, range(10)), pool.map(square, iter(range(10)), 3), pool.map(square, []))
        print(pool.map_async(square, range(5), chunksize=2).get())
        print(list(pool.imap(square, range(10))), list(pool.imap(square, range(10), chunksize=4)))
        iterator = pool.imap(operator.neg, [1, 2, 3])
        print(next(iterator), iterator.next(), iterator.next(timeout=30), next(iterator, "the end"))
        print(sorted(pool.imap_unordered(square, range(10))), sorted(pool.imap_unordered(square, range(9), 2)))
        print(pool.starmap(power, [(2, 1), (2, 2), (2, 3)]), pool.starmap(operator.add, zip("abc", "def", strict=True)))
        print(pool.starmap_async(power, [(5,), (2, 10)]).get(30))
        print(set(pool.map(whoami, range(4))))
        callbacks(pool)
        print(
            pool.map(str.upper, ["methods", "of", "builtins"]),
            pool.map(len, ["a", "bb"]),
            pool.apply(dict, (), {"a": 1}),
        )
    pool = multiprocessing.Pool(processes=1)
    results = [pool.apply_async(square, (number,)) for number in range(5)]
    pool.close()
    pool.join()
    print([result.get() for result in results])
    try:
        pool.apply(square, (1,))
    except ValueError as error:
        print("ValueError", error)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
