"""Pipes: both directions, one direction, bytes, end of file, poll."""

import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


def echo(connection):
    with connection:
        for message in iter(connection.recv, "stop"):
            connection.send((message, type(message).__name__))


def upper(connection):
    connection.send_bytes(connection.recv_bytes().upper())
    connection.close()


def count(connection, number):
    for value in range(number):
        connection.send(value)
    connection.close()


def main():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=echo, args=(theirs,))
    process.start()
    theirs.close()
    for message in [None, 17, "text", [1, [2]], {"key": {"set"}}, 3.5, "x" * 10]:
        ours.send(message)
        print(ours.recv())
    ours.send("y" * 300_000)
    print(len(ours.recv()[0]))
    ours.send("stop")
    try:
        ours.recv()
    except EOFError:
        print("the other end is closed")
    ours.close()
    process.join()
    print("exit code", process.exitcode, "closed", ours.closed)

    ours, theirs = multiprocessing.Pipe(duplex=True)
    process = multiprocessing.Process(target=upper, args=(theirs,))
    process.start()
    theirs.close()
    ours.send_bytes(b"say it louder, please", 4, 9)
    print(ours.recv_bytes())
    try:
        ours.recv_bytes()
    except EOFError as error:
        print("EOFError", error.args)
    process.join()

    receiver, sender = multiprocessing.Pipe(duplex=False)
    print(receiver.readable, receiver.writable, sender.readable, sender.writable)
    print("poll", receiver.poll(), receiver.poll(0.01))
    process = multiprocessing.Process(target=count, args=(sender, 5))
    process.start()
    sender.close()
    values = []
    try:
        while True:
            values.append(receiver.recv())
    except EOFError:
        print("received", values)
    process.join()
    for attempt in [lambda: receiver.send(1), lambda: sender.send(1)]:
        try:
            attempt()
        except OSError as error:
            print("OSError", error)

    ours, theirs = multiprocessing.Pipe()
    theirs.send_bytes(b"twelve bytes")
    buffer = bytearray(16)
    print(ours.recv_bytes_into(buffer, 2), bytes(buffer))
    theirs.send_bytes(b"too long for it")
    try:
        ours.recv_bytes_into(bytearray(4))
    except multiprocessing.BufferTooShort as error:
        print("BufferTooShort", error.args, isinstance(error, multiprocessing.ProcessError))


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
