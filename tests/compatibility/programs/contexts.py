"""Contexts and start methods, by every spelling."""

import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def put(queue, number):
    queue.put((number, multiprocessing.get_start_method()))


def double(number):
    return 2 * number


def main():
    method = multiprocessing.get_start_method()
    print(method == sys.argv[2], sorted(multiprocessing.get_all_start_methods()))
    try:
        multiprocessing.set_start_method("spawn")
    except RuntimeError as error:
        print("RuntimeError", error)
    for wrong in ["thread", ""]:
        for function in (multiprocessing.get_context, multiprocessing.set_start_method):
            try:
                function(wrong, *([True] if function is multiprocessing.set_start_method else []))
            except (ValueError, TypeError) as error:
                print(type(error).__name__, str(error).split(":")[0])

    context = multiprocessing.get_context(method)
    print(context.get_start_method() == method, context.get_context() is context, context.get_context(None) is context)
    queue = context.Queue()
    process = context.Process(target=put, args=(queue, 1))
    process.start()
    number, inside = queue.get()
    process.join()
    print(number, inside == method, isinstance(process, multiprocessing.get_context().Process))
    with context.Pool(1) as pool:
        print(pool.map(double, [1, 2, 3]))
    lock, value, event = context.RLock(), context.Value("i", 3), context.Event()
    with lock, value.get_lock():
        print(value.value, event.is_set())
    for name in ["spawn", "fork", "forkserver"]:
        other = multiprocessing.get_context(name)
        print(name, other.get_start_method(), type(other).__name__, other.Process.__name__)
    try:
        context.set_start_method("fork")
    except ValueError as error:
        print("ValueError", error)
    multiprocessing.set_start_method(method, force=True)
    multiprocessing.freeze_support()
    print(multiprocessing.cpu_count() >= 1, context.cpu_count() == multiprocessing.cpu_count())


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
