"""Errors in a pool's tasks: each is raised where the result is requested, and the pool goes on."""

import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


class Custom(Exception):
    """An error of the program's own, with two arguments."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


def divide(number):
    return 10 // number


def fail(number):
    if number == 3:
        raise Custom(number, "three")
    return number


def open_nothing(path):
    with open(path):
        return "opened"


def leave(code):
    sys.exit(code)


def start(event):
    global shared
    shared = event


def wait():
    return shared.wait(60)


def attempt(what, call):
    try:
        print(what, "returned", call())
    except Exception as error:
        print(what, "raised", type(error).__name__, error, error.args)
        if error.__cause__ is not None:
            last = str(error.__cause__).strip().strip('"').strip().splitlines()[-1]
            print("   caused by", type(error.__cause__).__name__, last)


def rest(iterator):
    found = []
    while True:
        try:
            found.append(next(iterator))
        except StopIteration:
            return found
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")


def main():
    event = multiprocessing.Event()
    with multiprocessing.Pool(2, start, (event,)) as pool:
        attempt("apply", lambda: pool.apply(divide, (0,)))
        attempt("get", pool.apply_async(divide, (0,)).get)
        attempt("map", lambda: pool.map(divide, [5, 2, 0, 1]))
        attempt("starmap", lambda: pool.starmap(divide, [(1,), (0,)]))
        attempt("custom", lambda: pool.map(fail, range(5)))
        attempt("file", lambda: pool.apply(open_nothing, ("/no/such/file",)))
        attempt("arguments", lambda: pool.apply(divide, (1, 2)))
        print("imap", rest(pool.imap(fail, range(5))))
        print("imap_unordered", sorted(map(str, rest(pool.imap_unordered(fail, range(5))))))
        failed = pool.apply_async(fail, (3,))
        failed.wait()
        print(failed.ready(), failed.successful())

        unfinished = pool.apply_async(wait)
        for early in (lambda: unfinished.get(timeout=0.01), lambda: unfinished.get(0), unfinished.successful):
            try:
                early()
            except (multiprocessing.TimeoutError, ValueError) as error:
                print(type(error).__name__, isinstance(error, multiprocessing.ProcessError))
        print(unfinished.wait(0.01), unfinished.ready())
        iterator = pool.imap(len, [])
        attempt("next", lambda: next(iterator))
        event.set()
        print(unfinished.get())
        attempt("generator", lambda: pool.map(divide, (1 // number for number in [1, 0])))
        print("the pool still works", pool.map(divide, [1, 2, 5]))


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
