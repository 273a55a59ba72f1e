"""current_process, parent_process, active_children, and a grandchild."""

import importlib
import os
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def describe(queue, generation):
    me, parent = multiprocessing.current_process(), multiprocessing.parent_process()
    queue.put((generation, me.name, parent.name, parent.pid == os.getppid() or "by a server", parent.is_alive()))
    if generation < 2:
        child = multiprocessing.Process(
            target=describe, args=(queue, generation + 1), name=f"generation {generation + 1}"
        )
        child.start()
        child.join()
        queue.put((generation, "its children", [child.exitcode], multiprocessing.active_children()))


def wait_for(event):
    event.wait()


def main():
    me = multiprocessing.current_process()
    print(me.name, me.pid == os.getpid(), me.ident == me.pid, me.daemon, me.exitcode, multiprocessing.parent_process())
    print(me is multiprocessing.current_process(), me.is_alive(), isinstance(me.authkey, bytes), len(me.authkey))
    queue = multiprocessing.Queue()
    child = multiprocessing.Process(target=describe, args=(queue, 1), name="generation 1")
    child.start()
    for item in sorted(
        (queue.get() for _ in range(3)), key=str
    ):  # multiprocessing's queue has no order between processes
        print(item if item[1] == "its children" else (*item[:3], item[4]))
    child.join()

    event = multiprocessing.Event()
    children = [multiprocessing.Process(target=wait_for, args=(event,), name=f"child {number}") for number in range(3)]
    for child in children:
        child.start()
    print(sorted(child.name for child in multiprocessing.active_children()))
    print(set(multiprocessing.active_children()) == set(children))
    event.set()
    for child in children:
        child.join()
    print(multiprocessing.active_children())

    me.name = "renamed"
    print(multiprocessing.current_process().name, multiprocessing.Process(name="kept").name)


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
