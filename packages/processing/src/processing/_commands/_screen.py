"""A snapshot of a family as text."""

from __future__ import annotations

from collections.abc import Iterator

from processing_core.introspection import Family, Member, QueueInfo, Wait

__all__ = ["Screen", "stacks"]


def stacks(family: Family) -> str:
    """Where each member and thread waits."""
    return "\n".join(line for member in family.members for line in _stack(member)) + "\n"


def _stack(member: Member) -> Iterator[str]:
    yield f"{member.name}  pid {member.pid}  {member.state}{_doing(member)}"
    for wait in member.waits:
        yield f"  {wait.thread} waits for {wait.what}, {seconds(wait.seconds)}"
        yield from (f"    {frame}" for frame in wait.frames)


def _doing(member: Member) -> str:
    task = member.task
    return "" if task is None else f"  runs {task.function or 'a call'} [{task.index}], {seconds(task.seconds)}"


def seconds(number: float) -> str:
    """A time, in two units at most."""
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(int(number), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(number: float) -> str:
    """A number of bytes."""
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


class Screen:
    """The lines of one snapshot, with rates if there was one before."""

    def __init__(self, family: Family, before: Family | None = None, interval: float = 0.0) -> None:
        self._family = family
        self._interval = interval
        self._names = {member.serial: member.name or str(member.pid) for member in family.members}
        self._cpu = {member.serial: member.cpu for member in before.members} if before else {}
        self._queues = {queue.cell: queue for queue in before.queues} if before else {}
        self._done = {pool.tasks: pool.done for pool in before.pools} if before else {}

    def text(self) -> str:
        """All of it."""
        parts = (
            self._deadlocks(),
            self._members(),
            self._pools(),
            self._shared_queues(),
            self._primitives(),
            self._arena(),
        )
        return "\n".join(line for part in parts for line in part) + "\n"

    def _deadlocks(self) -> Iterator[str]:
        for deadlock in self._family.deadlocks:
            yield f"DEADLOCK: {deadlock.text}"

    def _members(self) -> Iterator[str]:
        yield f"{'PROCESS':30} {'PID':>8} {'STATE':9} {'CPU':>7} {'MEMORY':>10}  DOES"
        below: dict[int | None, list[Member]] = {}
        for member in self._family.members:
            below.setdefault(member.parent, []).append(member)
        yield from self._tree(below, None, "")

    def _tree(self, below: dict[int | None, list[Member]], parent: int | None, indent: str) -> Iterator[str]:
        for member in below.get(parent, []):
            yield self._member(member, indent)
            yield from self._tree(below, member.serial, indent + "  ")

    def _member(self, member: Member, indent: str) -> str:
        before = self._cpu.get(member.serial)
        used = f"{member.cpu:.2f} s"
        if before is not None and self._interval:
            used = f"{100 * max(0.0, member.cpu - before) / self._interval:.0f} %"
        name = (indent + member.name)[:30]
        return f"{name:30} {member.pid:8} {member.state:9} {used:>7} {size(member.memory):>10}  {self._does(member)}"

    def _does(self, member: Member) -> str:
        if member.task is not None:
            what = f"{member.task.function or 'a call'} [{member.task.index}], {seconds(member.task.seconds)}"
        else:
            what = ""
        waits = "; ".join(f"waits for {wait.what}, {seconds(wait.seconds)}{_at(wait)}" for wait in member.waits)
        return "; ".join(filter(None, (what, waits)))

    def _pools(self) -> Iterator[str]:
        if self._family.pools:
            yield f"\n{'POOL':>5} {'BUSY':>5} {'IDLE':>5} {'DONE':>10} {'QUEUED':>8} {'RATE':>10}"
        for pool in self._family.pools:
            before = self._done.get(pool.tasks)
            rate = (
                f"{max(0, pool.done - before) / self._interval:,.0f}/s" if before is not None and self._interval else ""
            )
            idle = pool.workers - pool.busy
            yield f"{pool.tasks[0]:5} {pool.busy:5} {idle:5} {pool.done:10,} {pool.queued:8,} {rate:>10}"

    def _shared_queues(self) -> Iterator[str]:
        own = {cell for pool in self._family.pools for cell in (pool.tasks, pool.results)}
        queues = [queue for queue in self._family.queues if queue.cell not in own]
        if queues:
            head = f"{'QUEUE':>5} {'ITEMS':>8} {'BYTES':>10} {'PUTS':>12} {'GETS':>12}"
            yield f"\n{head} {'PUTS/s':>9} {'GETS/s':>9}  MADE"
        for queue in queues:
            numbers = f"{queue.items:8,} {size(queue.bytes):>10} {queue.puts:12,} {queue.gets:12,}"
            yield f"{queue.cell[0]:5} {numbers} {self._rates(queue)}  {queue.made or ''}".rstrip()

    def _rates(self, queue: QueueInfo) -> str:
        before = self._queues.get(queue.cell)
        if before is None or not self._interval:
            return f"{'':9} {'':9}"
        rates = [(queue.puts - before.puts) / self._interval, (queue.gets - before.gets) / self._interval]
        return " ".join(f"{max(0.0, rate):9,.0f}" for rate in rates)

    def _primitives(self) -> Iterator[str]:
        shown = [item for item in self._family.primitives if item.holders or item.waiters]
        hidden = len(self._family.primitives) - len(shown)
        if shown:
            yield f"\n{'PRIMITIVE':22} {'HELD BY':24} {'SINCE':>10} WAITED FOR BY"
        for item in shown:
            held = "" if item.held is None else seconds(item.held)
            name = f"{item.kind} {item.cell[0]}"
            line = f"{name:22} {self._listed(item.holders):24} {held:>10} {self._listed(item.waiters)}"
            yield f"{line}  {item.made or ''}".rstrip()
        if hidden:
            yield f"({hidden} further primitives, which no process holds or waits for)"

    def _listed(self, serials: tuple[int, ...]) -> str:
        return ", ".join(dict.fromkeys(self._names.get(serial, "a dead process") for serial in serials))

    def _arena(self) -> Iterator[str]:
        arena = self._family.arena
        kinds = ", ".join(f"{n:,} {kind} ({size(bytes_)})" for kind, (n, bytes_) in sorted(arena.kinds.items()))
        yield f"\narena: {size(arena.used)} used, {size(arena.committed)} committed of {size(arena.limit)}; {kinds}"
        if self._family.torn:
            yield f"({self._family.torn} parts changed whenever they were read, and are missing)"


def _at(wait: Wait) -> str:
    return f" at {wait.frames[0].rpartition(':')[0]}" if wait.frames else ""
