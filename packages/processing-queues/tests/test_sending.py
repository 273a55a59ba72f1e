"""Connections that are sent to running processes."""

from __future__ import annotations

import copy
import os
import pickle
import pickletools
import socket
import threading
from typing import Any

import pytest

from processing_core import BaseContext, HandleError
from processing_core.lowlevel import yield_processor
from processing_queues import Connection, Pipe, Queue
from processing_testing.children import connections
from processing_testing.harness import leaks, scripts
from processing_testing.harness.mechanisms import needs_descriptors_in_messages, needs_forks


def fetched_all() -> bool:
    """Whether the descriptor server of this process has ended, which it does when nothing is left to be fetched."""
    return all(thread.name != "processing-fd-server" for thread in threading.enumerate())


def address_in(pickled: bytes) -> bytes:
    """The address of the descriptor server: on some systems a path."""
    values = [value for _, value, _ in pickletools.genops(pickled) if isinstance(value, bytes)]
    return next(value for value in values if b"processing-" in value)


class TestTravel:
    def test_through_a_queue(self, context: BaseContext) -> None:
        queue: Queue[Connection] = Queue()
        process = context.Process(target=connections.answer_over_received, args=(queue, "hello"))
        process.start()
        with leaks.leaves_nothing():
            ours, theirs = Pipe()
            queue.put(theirs)
            theirs.close()
            assert ours.recv() == "hello"
            with pytest.raises(EOFError):
                ours.recv()
            ours.close()
        process.join()
        assert process.exitcode == 0

    def test_through_a_connection(self, context: BaseContext) -> None:
        way, far_end = Pipe()
        process = context.Process(target=connections.answer_over_received, args=(far_end, "hello"))
        process.start()
        ours, theirs = Pipe(False)
        way.send(theirs)
        theirs.close()
        assert ours.recv() == "hello"
        process.join()

    def test_to_the_parent(self, context: BaseContext) -> None:
        queue: Queue[Connection] = Queue()
        process = context.Process(target=connections.send_an_end_away, args=(queue,))
        process.start()
        with queue.get() as connection:
            connection.send("word")
            assert connection.recv() == "wordword"
            process.join()
            with pytest.raises(EOFError):
                connection.recv()

    def test_several_at_once_with_their_directions(self) -> None:
        queue: Queue[list[Connection]] = Queue()
        pipes = [Pipe(number % 2 == 0) for number in range(20)]
        with leaks.leaves_nothing():
            queue.put([receiver for receiver, _ in pipes])
            for (receiver, sender), copied in zip(pipes, queue.get(), strict=True):
                assert (copied.readable, copied.writable) == (receiver.readable, receiver.writable)
                assert copied.fileno() != receiver.fileno()
                sender.send("word")
                assert copied.recv() == "word"
                copied.close()

    def test_by_threads(self) -> None:
        failures: list[BaseException] = []

        def travel() -> None:
            try:
                for _ in range(50):
                    ours, theirs = Pipe()
                    with ours, theirs, pickle.loads(pickle.dumps(theirs)) as there:
                        there.send(1)
                        assert ours.recv() == 1
            except BaseException as error:
                failures.append(error)

        with leaks.leaves_nothing():
            threads = [threading.Thread(target=travel) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            del thread, threads
        assert failures == []

    def test_copy(self) -> None:
        ours, theirs = Pipe()
        with copy.copy(theirs) as again:
            again.send(1)
        assert ours.recv() == 1
        theirs.send(2)
        assert ours.recv() == 2

    def test_as_an_argument_it_needs_no_server(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.describe, args=(theirs,))
        process.start()
        assert fetched_all()
        ours.recv()
        process.join()


class TestLoss:
    def test_is_fetched_once(self) -> None:
        ours, _theirs = Pipe()
        pickled, another = pickle.dumps(ours), pickle.dumps(ours)
        pickle.loads(pickled).close()
        with pytest.raises(HandleError, match="fetched before"):
            pickle.loads(pickled)
        pickle.loads(another).close()
        with pytest.raises(HandleError):
            pickle.loads(another)

    def test_the_sender_has_died(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_an_end_and_die, args=(theirs,))
        process.start()
        process.join()
        with leaks.leaves_nothing(), pytest.raises(HandleError, match="is gone"):
            ours.recv()

    def test_what_is_not_sent_is_not_kept(self) -> None:
        queue: Queue[Any] = Queue()
        ours, theirs = Pipe()
        with leaks.leaves_nothing():
            for send in (queue.put, ours.send):
                with pytest.raises((TypeError, pickle.PicklingError)):
                    send((theirs, threading.Lock()))

    def test_what_only_cloudpickle_sends_is_kept_once(self) -> None:
        ours, theirs = Pipe()
        with leaks.leaves_nothing():
            ours.send((ours, lambda: "by value"))
            again, function = theirs.recv()
            assert function() == "by value"
            again.close()

    def test_a_closed_one_is_refused(self) -> None:
        ours, theirs = Pipe()
        theirs.close()
        with pytest.raises(OSError, match="handle is closed"):
            ours.send(theirs)


@needs_descriptors_in_messages
class TestStrangers:
    """Any process can write to a descriptor server's address."""

    def test_noise(self) -> None:
        ours, theirs = Pipe()
        pickled = pickle.dumps(theirs)
        address = address_in(pickled)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as it:
            it.connect(address)
            for message in (b"", b"x", bytes(16), bytes(1000)):
                it.send(message)
                null = os.open(os.devnull, os.O_RDONLY)
                socket.send_fds(it, [message or b"y"], [null])
                os.close(null)
        with pickle.loads(pickled) as again:
            again.send("still there")
        assert ours.recv() == "still there"

    def test_nobody_at_the_servers_address(self) -> None:
        _, theirs = Pipe()
        pickled = pickle.dumps(theirs)
        pickle.loads(pickled).close()
        while not fetched_all():
            yield_processor()
        with pytest.raises(HandleError, match="nothing more to be fetched"):
            pickle.loads(pickled)

    def test_another_process_at_the_servers_address(self) -> None:
        """Another process binds the address after the descriptor server has ended."""
        _, theirs = Pipe()
        pickled = pickle.dumps(theirs)
        address = address_in(pickled)
        pickle.loads(pickled).close()
        while not fetched_all():
            yield_processor()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as impostor:
            impostor.bind(address)

            def serve_other_socket() -> None:
                _, (answer,), _, _ = socket.recv_fds(impostor, 100, 1)
                with socket.socket(fileno=answer) as connection:
                    socket.send_fds(connection, [bytes(16)], [impostor.fileno()])

            thread = threading.Thread(target=serve_other_socket)
            thread.start()
            with leaks.leaves_nothing(expected=lambda thing: "thread" in thing), pytest.raises(HandleError):
                pickle.loads(pickled)
            thread.join()
        if not address.startswith(b"\0"):
            os.unlink(address)


@needs_forks
def test_a_forked_child_keeps_nothing_that_is_deposited() -> None:
    """A copy in the child would prevent the end of file at the other end."""
    scripts.run(
        """
        import os, pickle, warnings
        from processing_core import lowlevel
        from processing_queues import Pipe

        lowlevel.ensure_family()
        ours, theirs = Pipe()
        pickled = pickle.dumps(theirs)
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the descriptor server's thread
            pid = os.fork()
        if pid == 0:
            theirs.close()
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        theirs.close()
        pickle.loads(pickled).close()
        try:
            ours.recv()
        except EOFError:
            os.close(writing)
        assert os.waitpid(pid, 0)[1] == 0
        """
    )


def test_a_thousand_leave_nothing() -> None:
    _, theirs = Pipe()
    queue: Queue[Connection] = Queue()
    with leaks.leaves_nothing():
        for _ in range(1000):
            queue.put(theirs)
            queue.get().close()
