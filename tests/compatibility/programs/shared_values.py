"""Value, Array, RawValue and RawArray, of type codes and of ctypes, guarded by locks."""

import ctypes
import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


class Point(ctypes.Structure):
    """Two numbers."""

    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def add(counter, lock, times):
    for _ in range(times):
        with lock:
            counter.value += 1


def add_by_its_own_lock(counter, times):
    for _ in range(times):
        with counter.get_lock():
            counter.value += 2


def modify(number, real, text, points, raw):
    number.value **= 2
    real.value /= 4
    text.value = text.value.upper()
    for point in points:
        point.x **= 2
        point.y **= 2
    for index in range(len(raw)):
        raw[index] = -raw[index]


def main():
    lock = multiprocessing.Lock()
    counter = multiprocessing.Value("i", 0, lock=False)
    own = multiprocessing.Value(ctypes.c_long, 5)
    processes = [multiprocessing.Process(target=add, args=(counter, lock, 100)) for _ in range(3)]
    processes += [multiprocessing.Process(target=add_by_its_own_lock, args=(own, 100)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print(counter.value, own.value)

    number = multiprocessing.Value("h", 7)
    real = multiprocessing.Value(ctypes.c_double, 1.0, lock=lock)
    print("its lock is ours", real.get_lock() is lock)
    text = multiprocessing.Array("c", b"hello world", lock=lock)
    points = multiprocessing.Array(Point, [(1.5, -6.25), (-5.75, 2.0), (2.375, 9.5)], lock=lock)
    raw = multiprocessing.RawArray("i", range(6))
    process = multiprocessing.Process(target=modify, args=(number, real, text, points, raw))
    process.start()
    process.join()
    print(number.value, real.value, text.value, text.raw)
    print([(point.x, point.y) for point in points])
    print(list(raw), len(raw), raw[1:4], raw[-1])

    array = multiprocessing.Array("d", 4)
    print(array[:], len(array), list(array))
    array[1:3] = [1.25, 2.5]
    array[-1] = 9
    with array:
        print(array[:], array[0], array[3])
    print(type(array.get_obj()).__name__, array.get_lock().acquire(), array.get_lock().release())

    single = multiprocessing.RawValue(Point, 3, 4)
    single.x += 0.5
    print(single.x, single.y)
    zero = multiprocessing.RawValue("B")
    zero.value -= 1
    print(zero.value)
    letter = multiprocessing.Value("c", b"z")
    print(letter.value)
    for attempt in [lambda: raw[6], lambda: array.__setitem__(4, 1), lambda: array.__setitem__(0, "one")]:
        try:
            attempt()
        except (IndexError, TypeError) as error:
            print(type(error).__name__, error)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
