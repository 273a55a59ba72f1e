"""Queues: order, bounds, timeouts, several producers and consumers, SimpleQueue."""

import importlib
import queue as queue_module
import sys

multiprocessing = importlib.import_module(sys.argv[1])


class Point:
    """An object of the program's own."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __repr__(self):
        return f"Point({self.x}, {self.y})"


def produce(queue, producer, count):
    for number in range(count):
        queue.put((producer, number))
    queue.put(None)


def relay(source, sink):
    for item in iter(source.get, None):
        sink.put(item)
    sink.put(None)


def swap(queue):
    point = queue.get()
    queue.put(Point(point.y, point.x))


def main():
    queue = multiprocessing.Queue()
    producers = [multiprocessing.Process(target=produce, args=(queue, name, 25)) for name in "abc"]
    for process in producers:
        process.start()
    received, ended = [], 0
    while ended < len(producers):
        item = queue.get()
        if item is None:
            ended += 1
        else:
            received.append(item)
    for process in producers:
        process.join()
    for name in "abc":
        print(name, [number for producer, number in received if producer == name])
    print("empty", queue.empty())

    bounded = multiprocessing.Queue(2)
    bounded.put("one")
    bounded.put("two", True, 1)
    print("full", bounded.full(), bounded.qsize())
    for attempt in [lambda: bounded.put_nowait(3), lambda: bounded.put(3, timeout=0.01), lambda: bounded.put(3, False)]:
        try:
            attempt()
        except queue_module.Full as error:
            print("Full", type(error).__name__, error.args)
    print(bounded.get(), bounded.get(timeout=1))
    for attempt in [bounded.get_nowait, lambda: bounded.get(timeout=0.01), lambda: bounded.get(False)]:
        try:
            attempt()
        except queue_module.Empty as error:
            print("Empty", type(error).__name__, error.args)

    source, sink = multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()
    process = multiprocessing.Process(target=relay, args=(source, sink))
    process.start()
    for item in [1, "two", [3.0], {"four": (4,)}, b"five", None]:
        source.put(item)
    print(list(iter(sink.get, None)))
    process.join()
    print(source.empty(), sink.empty())

    points = multiprocessing.SimpleQueue()
    points.put(Point(1, 2))
    process = multiprocessing.Process(target=swap, args=(points,))
    process.start()
    process.join()
    print(points.get())

    queue.close()
    queue.join_thread()
    try:
        queue.put(1)
    except ValueError:
        print("ValueError")


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
