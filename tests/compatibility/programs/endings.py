"""Processes that are terminated, killed, or die of a signal or of an error."""

import importlib
import os
import signal
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def wait_for_ever(started):
    never = (
        multiprocessing.Event()
    )  # made before it may be killed: a kill during this leaves a file of multiprocessing's
    started.set()
    while not never.wait(0.2):  # multiprocessing sleeps through a signal that comes just before its system call
        pass


def refuse(started):
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number + 100))
    wait_for_ever(started)


def clean_up(started, queue):
    def on_term(number, frame):
        queue.put(signal.Signals(number).name)
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_term)
    wait_for_ever(started)


def die_of(number):
    os.kill(os.getpid(), number)


def raise_quietly(message):
    sys.stderr = open(os.devnull, "w")
    raise RuntimeError(message)


def ended(process):
    process.join()
    code = process.exitcode
    return f"{code} {signal.Signals(-code).name if code < 0 else ''} {process.is_alive()}"


def start(target, *args):
    started = multiprocessing.Event()
    process = multiprocessing.Process(target=target, args=(started, *args))
    process.start()
    started.wait()
    return process


def main():
    process = start(wait_for_ever)
    print(process.is_alive(), process.terminate())
    print("terminated", ended(process))
    process = start(wait_for_ever)
    print(process.is_alive(), process.kill())
    print("killed", ended(process))
    process = start(refuse)
    process.terminate()
    print("handled", ended(process))
    queue = multiprocessing.SimpleQueue()
    process = start(clean_up, queue)
    os.kill(process.pid, signal.SIGTERM)
    print("cleaned up", queue.get(), ended(process))
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
        process = multiprocessing.Process(target=die_of, args=(number,))
        process.start()
        print("died of", number.name, ended(process))
    process = multiprocessing.Process(target=raise_quietly, args=("unhandled",))
    process.start()
    print("raised", ended(process))
    process.terminate()
    process.kill()
    print("after its end", ended(process))
    process.close()
    process.close()
    running = start(wait_for_ever)
    try:
        running.close()
    except ValueError as error:
        print("ValueError", error)
    running.kill()
    print(ended(running))


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
