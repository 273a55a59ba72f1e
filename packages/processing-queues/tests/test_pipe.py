from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

import processing_core
from processing_core import BaseContext
from processing_queues import Connection, Pipe, wait
from processing_testing.children import connections, killing
from processing_testing.children import functions as children
from processing_testing.harness import leaks, scripts

inherited = os.get_inheritable if os.name == "posix" else os.get_handle_inheritable


class TestEnds:
    def test_a_duplex_pipe_goes_both_ways(self) -> None:
        with leaks.leaves_nothing():
            ours, theirs = Pipe()
            for end in (ours, theirs):
                assert (end.readable, end.writable, end.closed) == (True, True, False)
            ours.send("there")
            theirs.send("back")
            assert (theirs.recv(), ours.recv()) == ("there", "back")
            ours.close()
            theirs.close()

    def test_a_simplex_pipe_goes_one_way(self) -> None:
        with leaks.leaves_nothing():
            receiver, sender = Pipe(False)
            assert (receiver.readable, receiver.writable) == (True, False)
            assert (sender.readable, sender.writable) == (False, True)
            sender.send([1])
            assert receiver.recv() == [1]
            receiver.close()
            sender.close()

    def test_a_dropped_end_is_closed(self) -> None:
        with leaks.leaves_nothing():
            ours, theirs = Pipe()
            del theirs
            with pytest.raises(EOFError):
                ours.recv()
            del ours

    def test_no_end_is_inherited_by_programs(self) -> None:
        for end in (*Pipe(), *Pipe(False)):
            assert not inherited(end.fileno())

    def test_nor_by_programs_of_a_child(self, context: BaseContext) -> None:
        receiver, sender = Pipe(False)
        process = context.Process(target=connections.leave_a_program, args=(sender,))
        process.start()
        sender.close()
        pid = receiver.recv()
        try:
            assert receiver.poll(30)
            with pytest.raises(EOFError):
                receiver.recv()
        finally:
            os.kill(pid, signal.SIGTERM)
        process.join()

    @pytest.mark.parametrize("name", [None, *processing_core.get_all_start_methods()])
    def test_contexts_offer_it(self, name: str | None) -> None:
        receiver, _ = processing_core.get_context(name).Pipe(duplex=False)
        assert isinstance(receiver, Connection)
        assert not receiver.writable


class TestArguments:
    def test_as_an_argument(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        with leaks.leaves_nothing():
            process = context.Process(target=connections.echo, args=(theirs, ours))
            process.start()
            theirs.close()
            for obj in ("text", b"bytes" * 100_000, [None]):
                ours.send(obj)
                assert ours.recv() == obj
            ours.close()
            process.join()
            assert process.exitcode == 0
            process.close()

    def test_as_an_attribute(self, method: str) -> None:
        ours, theirs = Pipe()
        process = connections.Echo(method, theirs, ours)
        process.start()
        theirs.close()
        ours.send(1)
        assert ours.recv() == 1
        ours.close()
        process.join()
        assert process.exitcode == 0

    @pytest.mark.parametrize("duplex", [True, False])
    def test_keeps_its_directions(self, context: BaseContext, duplex: bool) -> None:
        ours, theirs = Pipe(duplex)
        process = context.Process(target=connections.describe, args=(theirs,))
        process.start()
        assert ours.recv() == ("Connection", duplex, True, False)
        process.join()

    def test_both_ends(self, context: BaseContext) -> None:
        receiver, sender = Pipe(False)
        first = context.Process(target=connections.send, args=(sender, "word"))
        first.start()
        first.join()
        again, answer = Pipe(False)
        second = context.Process(target=connections.send, args=(answer, receiver.recv()))
        second.start()
        assert again.recv() == "word"
        second.join()

    def test_many(self, context: BaseContext) -> None:
        pipes = [Pipe(False) for _ in range(600)]
        process = context.Process(target=connections.send_one_each, args=([sender for _, sender in pipes],))
        process.start()
        for _, sender in pipes:
            sender.close()
        assert [receiver.recv() for receiver, _ in pipes] == list(range(600))
        process.join()

    def test_one_twice_is_one(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_one_each, args=([theirs, theirs],))
        process.start()
        assert (ours.recv(), ours.recv()) == (0, 1)
        process.join()

    def test_a_process_of_a_process(self, context: BaseContext, method: str) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.pass_on, args=(theirs, ours, method))
        process.start()
        theirs.close()
        ours.send("deep")
        assert ours.recv() == "deep"
        ours.close()
        process.join()
        assert process.exitcode == 0

    def test_beside_what_only_cloudpickle_serves(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=lambda: theirs.send("from a closure"))
        process.start()
        assert ours.recv() == "from a closure"
        process.join()

    def test_a_closed_one_is_refused(self, context: BaseContext, method: str) -> None:
        if method == "fork":
            pytest.skip("nothing is pickled")
        _, theirs = Pipe()
        theirs.close()
        with pytest.raises(OSError, match="closed"):
            context.Process(target=connections.describe, args=(theirs,)).start()

    def test_a_start_that_fails_leaves_nothing(self, context: BaseContext, method: str) -> None:
        if method == "fork":
            pytest.skip("nothing is pickled")
        _, theirs = Pipe()
        with leaks.leaves_nothing(), pytest.raises(TypeError):
            context.Process(target=connections.describe, args=(theirs, sys._getframe())).start()

    def test_arguments_that_do_not_unpickle(self, context: BaseContext, method: str) -> None:
        if method == "fork":
            pytest.skip("nothing is pickled")
        ours, theirs = Pipe()
        process = context.Process(target=connections.describe, args=(theirs, children.Unloadable()))
        process.start()
        theirs.close()
        process.join()
        assert process.exitcode == 1
        with pytest.raises(EOFError):
            ours.recv()

    def test_in_the_repl(self, method: str) -> None:
        program = f"""
import processing_core, processing_queues
def greet(connection): connection.send("hello")

ours, theirs = processing_queues.Pipe()
process = processing_core.get_context({method!r}).Process(target=greet, args=(theirs,))
process.start()
print(ours.recv())
process.join()
"""
        run = subprocess.run([sys.executable, "-i"], input=program, capture_output=True, text=True, check=True)
        assert run.stdout == "hello\n", run.stderr


class TestClosedMeanwhile:
    """An end may be closed after a call has found it open: by the code of an argument, or by another thread."""

    @pytest.mark.parametrize("call", ["send_bytes(b'abc', 0, Closes())", "poll(Closes())", "recv_bytes(Closes())"])
    def test_by_an_argument(self, call: str) -> None:
        scripts.run(
            f"""
            import processing_core, processing_queues

            class Closes:
                def __index__(self):
                    end.close()
                    return 3

                def __float__(self):
                    end.close()
                    return 0.0

            end, other = processing_queues.Pipe()
            other.send_bytes(b"abc")
            try:
                end.{call}
            except processing_core.ClosedError:
                pass
            else:
                raise AssertionError
            """
        )

    def test_by_a_thread_while_bytes_are_copied(self) -> None:
        scripts.run(
            """
            import threading, processing_queues

            many = bytes(8 << 20)
            for _ in range(30):
                end, other = processing_queues.Pipe()
                start = threading.Barrier(2)

                def close():
                    start.wait()
                    end.close()

                thread = threading.Thread(target=close)
                thread.start()
                start.wait()
                try:
                    end.send_bytes(many)
                except OSError:
                    pass
                thread.join()
            """
        )


class TestDeath:
    def test_the_other_end_ends(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send, args=(theirs, 1, 2))
        process.start()
        theirs.close()
        process.join()
        assert (ours.recv(), ours.recv()) == (1, 2)
        with pytest.raises(EOFError):
            ours.recv()
        with pytest.raises(BrokenPipeError):
            ours.send(3)

    def test_every_send_after_the_other_end_is_closed(self, context: BaseContext) -> None:
        receiver, sender = Pipe(False)
        process = context.Process(target=connections.send, args=(sender, 1))
        process.start()
        process.join()
        sender.send(2)
        assert (receiver.recv(), receiver.recv()) == (1, 2)
        receiver.close()
        for _ in range(5):  # at once: the answer that there is no receiver is not taken for one that there is
            with pytest.raises(BrokenPipeError):
                sender.send(3)

    def test_the_other_end_is_killed(self, context: BaseContext) -> None:
        ours, theirs = Pipe()
        process = context.Process(target=connections.send_pid_and_wait, args=(theirs,))
        process.start()
        theirs.close()
        killing.kill(ours.recv())
        assert wait([ours], 30) == [ours]
        with pytest.raises(EOFError):
            ours.recv()
        process.join()

    def test_killed_in_the_middle_of_a_message(self, context: BaseContext) -> None:
        """This is possible over a stream of bytes; our own pipes send a message by one step."""
        ours, theirs = map(Connection, (end.detach() for end in socket.socketpair()))
        process = context.Process(target=connections.die_in_a_message, args=(theirs,))
        process.start()
        theirs.close()
        with pytest.raises(EOFError, match="in the middle"):
            ours.recv_bytes()
        process.join()


@pytest.mark.parametrize("duplex", [True, False])
def test_a_thousand_leave_nothing(duplex: bool) -> None:
    with leaks.leaves_nothing():
        for _ in range(1000):
            ours, theirs = Pipe(duplex)
            theirs.send(0)
            ours.recv()
        del ours, theirs
