"""Names, exit codes, daemons, and the attributes of a process before, during and after its run."""

import importlib
import os
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def report(queue, *words, **options):
    me = multiprocessing.current_process()
    queue.put((me.name, me.daemon, me.pid == os.getpid(), words, sorted(options.items())))


def wait_for(event):
    event.wait()


def leave(how):
    if how == "return":
        return
    if how == "exit 3":
        sys.exit(3)
    if how == "exit True":
        sys.exit(True)
    if how == "exit None":
        sys.exit()
    if how == "exit text":
        sys.stderr = open(os.devnull, "w")
        sys.exit("a message")
    if how == "os._exit":
        os._exit(7)


def main():
    queue = multiprocessing.Queue()
    for number, name in enumerate([None, "Ada", "Grace"]):
        process = multiprocessing.Process(target=report, name=name, args=(queue, number), kwargs={"colour": "blue"})
        process.start()
        print(queue.get())
        process.join()
        print(process.name, process.exitcode, process.is_alive())

    daemon = multiprocessing.Process(target=report, args=(queue,), daemon=True)
    print("before the start", daemon.daemon, daemon.pid, daemon.exitcode, daemon.is_alive(), daemon.ident)
    daemon.start()
    print(queue.get())
    daemon.join()
    print("after the end", daemon.exitcode, daemon.is_alive(), daemon.pid == daemon.ident)

    event = multiprocessing.Event()
    waiting = multiprocessing.Process(target=wait_for, args=(event,), name="waiting")
    waiting.start()
    print("running", waiting.is_alive(), waiting.exitcode, waiting.pid > 0, waiting.join(0.01))
    event.set()
    waiting.join()
    print("ended", waiting.is_alive(), waiting.exitcode)
    waiting.close()
    try:
        waiting.is_alive()
    except ValueError as error:
        print("closed:", error)

    for how in ["return", "exit 3", "exit True", "exit None", "exit text", "os._exit"]:
        process = multiprocessing.Process(target=leave, args=(how,))
        process.start()
        process.join()
        print(how, "->", process.exitcode)

    empty = multiprocessing.Process(name="nothing to do")
    empty.start()
    empty.join()
    print(empty.name, empty.exitcode)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
