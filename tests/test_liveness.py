"""Who counts as alive. Each program forks members by hand, so that it can let them die in peculiar ways."""

from processing_testing import scripts

PRELUDE = """
import ctypes, os, signal, threading
from pathlib import Path
import processing
from processing_core import lowlevel

lock = processing.Lock()  # makes the family

class Member:
    '''A forked member, which runs *life* and ends with it; *life* gets functions to tell and to hear the test.'''

    def __init__(self, life):
        heard, tell = os.pipe()
        hear, self._say = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(heard), os.close(self._say)
            try:
                os.write(tell, b".")
                life(lambda: os.write(tell, b"."), lambda: os.read(hear, 1))
            finally:
                os._exit(0)
        os.close(tell), os.close(hear)
        self._heard = heard
        self.hear()  # it is a member now
        self.place = next((slot, serial) for slot, serial, pid, name in lowlevel.members() if pid == self.pid)

    def hear(self):
        assert os.read(self._heard, 1) == b".", "it died before"

    def say(self):
        os.write(self._say, b".")

    def wait_for_end(self, options=0):
        os.waitid(os.P_PID, self.pid, os.WEXITED | options)

    def close(self):
        os.close(self._heard), os.close(self._say)

    def alive(self):
        return lowlevel.alive(*self.place)

def stay(tell, hear):
    tell()
    hear()
"""


def test_a_zombie_is_dead() -> None:
    scripts.run(
        PRELUDE
        + """
member = Member(stay)
member.hear()
assert member.alive()
os.kill(member.pid, signal.SIGKILL)
member.wait_for_end(os.WNOWAIT)
os.kill(member.pid, 0)  # it answers, for it is a zombie
assert not member.alive()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_a_killed_holder_is_found_dead_before_it_is_reaped() -> None:
    scripts.run(
        PRELUDE
        + """
def hold(tell, hear):
    lock.acquire()
    tell()
    hear()

member = Member(hold)
member.hear()
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


def test_whoever_gets_the_slot_next_does_not_revive_the_dead() -> None:
    scripts.run(
        PRELUDE
        + """
first = Member(stay)
first.hear()
os.kill(first.pid, signal.SIGKILL)
first.wait_for_end()
lowlevel.sweep()
for attempt in range(2000):
    member = Member(stay)
    member.hear()
    assert member.place[1] != first.place[1], "a serial was given twice"
    reused = member.place[0] == first.place[0]
    if reused:
        assert member.alive()
        assert not first.alive()
    member.say()
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
member = Member(stay)
member.hear()
os.kill(member.pid, signal.SIGSTOP)
os.waitid(os.P_PID, member.pid, os.WSTOPPED)
assert member.alive()
lowlevel.sweep()
assert member.alive()
os.kill(member.pid, signal.SIGCONT)
member.say()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    scripts.run(
        PRELUDE
        + """
def leave_a_thread(tell, hear):
    leader = os.getpid()

    def work():
        # The system shows the process as a zombie once its first thread is gone.
        while Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            os.sched_yield()
        tell()
        hear()
        with lock:
            tell()
        hear()
        os._exit(0)

    threading.Thread(target=work).start()
    ctypes.CDLL(None).pthread_exit(None)

member = Member(leave_a_thread)
member.hear()
assert member.alive()
lowlevel.sweep()
assert member.alive()
member.say()
member.hear()  # it could take the lock
member.say()
member.wait_for_end()
assert not member.alive()
"""
    )


def test_closing_every_descriptor_does_not_make_a_member_look_dead() -> None:
    scripts.run(
        PRELUDE
        + """
def close_all(tell, hear):
    lock.acquire()
    os.closerange(3, 20)
    hear_end, tell_end = kept
    os.write(tell_end, b".")
    os.read(hear_end, 1)
    lock.release()
    os.write(tell_end, b".")
    os.read(hear_end, 1)

outer, inner = os.pipe(), os.pipe()
kept = os.dup2(inner[0], 100), os.dup2(outer[1], 101)
member = Member(close_all)
assert os.read(outer[0], 1) == b"."
assert member.alive()
assert lowlevel.sweep() == 0
assert not lock.acquire(timeout=1.2)  # waiting looks whether the owner lives
os.write(inner[1], b".")
assert os.read(outer[0], 1) == b"."
assert lock.acquire(timeout=1.2)
lock.release()
os.kill(member.pid, signal.SIGKILL)
member.wait_for_end(os.WNOWAIT)
assert not member.alive()
"""
    )


def test_one_who_closed_every_descriptor_can_still_watch_others() -> None:
    scripts.run(
        PRELUDE
        + """
member = Member(stay)
member.hear()
say = os.dup2(member._say, 100)
os.closerange(3, 20)
assert member.alive()
os.write(say, b".")
member.wait_for_end(os.WNOWAIT)
assert not member.alive()
"""
    )
