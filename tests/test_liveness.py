"""Which processes count as alive. Each program forks members by `os.fork`, so that they can die in unusual ways."""

from processing_testing.harness import scripts
from processing_testing.harness.mechanisms import needs_forks

pytestmark = needs_forks

PRELUDE = """
import ctypes, os, signal, threading
from pathlib import Path
import processing
from processing_core import lowlevel

lock = processing.Lock()  # makes the family

class Member:
    '''A forked member, which runs *body*; *body* gets a function to notify the test and one to wait for it.'''

    def __init__(self, body):
        from_member, to_test = os.pipe()
        from_test, self._to_member = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(from_member), os.close(self._to_member)
            try:
                os.write(to_test, b".")
                body(lambda: os.write(to_test, b"."), lambda: os.read(from_test, 1))
            finally:
                os._exit(0)
        os.close(to_test), os.close(from_test)
        self._from_member = from_member
        self.receive()  # now it is a member
        self.identity = next((slot, serial) for slot, serial, pid, name in lowlevel.members() if pid == self.pid)

    def receive(self):
        assert os.read(self._from_member, 1) == b".", "it died before"

    def send(self):
        os.write(self._to_member, b".")

    def wait_for_end(self, options=0):
        os.waitid(os.P_PID, self.pid, os.WEXITED | options)

    def close(self):
        os.close(self._from_member), os.close(self._to_member)

    def alive(self):
        return lowlevel.alive(*self.identity)

def wait_for_test(notify, wait):
    notify()
    wait()
"""


def test_a_zombie_is_dead() -> None:
    scripts.run(
        PRELUDE
        + """
member = Member(wait_for_test)
member.receive()
assert member.alive()
os.kill(member.pid, signal.SIGKILL)
member.wait_for_end(os.WNOWAIT)
os.kill(member.pid, 0)  # succeeds, because it is a zombie
assert not member.alive()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_a_killed_holder_is_found_dead_before_it_is_reaped() -> None:
    scripts.run(
        PRELUDE
        + """
def hold(notify, wait):
    lock.acquire()
    notify()
    wait()

member = Member(hold)
member.receive()
assert not lock.acquire(block=False)
os.kill(member.pid, signal.SIGKILL)
member.wait_for_end(os.WNOWAIT)
try:
    lock.acquire(timeout=5)
except processing.OwnerDied as error:
    assert error.pid == member.pid, error
else:
    raise AssertionError("it was acquired")
"""
    )


def test_a_member_in_a_reused_slot_does_not_revive_the_dead_one() -> None:
    scripts.run(
        PRELUDE
        + """
first = Member(wait_for_test)
first.receive()
os.kill(first.pid, signal.SIGKILL)
first.wait_for_end()
lowlevel.sweep()
for attempt in range(2000):
    member = Member(wait_for_test)
    member.receive()
    assert member.identity[1] != first.identity[1], "a serial was given twice"
    reused = member.identity[0] == first.identity[0]
    if reused:
        assert member.alive()
        assert not first.alive()
    member.send()
    member.wait_for_end()
    member.close()
    lowlevel.sweep()
    if reused:
        break
else:
    raise AssertionError("the slot was never given again")
assert not first.alive()
"""
    )


def test_a_stopped_process_is_alive() -> None:
    scripts.run(
        PRELUDE
        + """
member = Member(wait_for_test)
member.receive()
os.kill(member.pid, signal.SIGSTOP)
os.waitid(os.P_PID, member.pid, os.WSTOPPED)
assert member.alive()
lowlevel.sweep()
assert member.alive()
os.kill(member.pid, signal.SIGCONT)
member.send()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    scripts.run(
        PRELUDE
        + """
def leave_a_thread(notify, wait):
    leader = os.getpid()

    def work():
        # The system shows the process as a zombie once its first thread is gone.
        while Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            os.sched_yield()
        notify()
        wait()
        with lock:
            notify()
        wait()
        os._exit(0)

    threading.Thread(target=work).start()
    ctypes.CDLL(None).pthread_exit(None)

member = Member(leave_a_thread)
member.receive()
assert member.alive()
lowlevel.sweep()
assert member.alive()
member.send()
member.receive()  # it could take the lock
member.send()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_closing_every_descriptor_does_not_make_a_member_look_dead() -> None:
    scripts.run(
        PRELUDE
        + """
def close_all(notify, wait):
    lock.acquire()
    os.closerange(3, 20)
    read_end, write_end = kept
    os.write(write_end, b".")
    os.read(read_end, 1)
    lock.release()
    os.write(write_end, b".")
    os.read(read_end, 1)

outer, inner = os.pipe(), os.pipe()
kept = os.dup2(inner[0], 100), os.dup2(outer[1], 101)
member = Member(close_all)
assert os.read(outer[0], 1) == b"."
assert member.alive()
assert lowlevel.sweep() == 0
assert not lock.acquire(timeout=1.2)  # a wait checks whether the owner is alive
os.write(inner[1], b".")
assert os.read(outer[0], 1) == b"."
assert lock.acquire(timeout=1.2)
lock.release()
os.kill(member.pid, signal.SIGKILL)
member.wait_for_end(os.WNOWAIT)
assert not member.alive()
"""
    )


def test_a_member_that_closed_every_descriptor_can_still_watch_others() -> None:
    scripts.run(
        PRELUDE
        + """
member = Member(wait_for_test)
member.receive()
to_member = os.dup2(member._to_member, 100)
os.closerange(3, 20)
assert member.alive()
os.write(to_member, b".")
member.wait_for_end(os.WNOWAIT)
assert not member.alive()
"""
    )
