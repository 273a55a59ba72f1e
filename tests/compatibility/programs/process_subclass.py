"""Subclasses of Process: state from the constructor, an overridden run, results by a queue, an inherited run."""

import importlib
import sys

multiprocessing = importlib.import_module(sys.argv[1])


class Squarer(multiprocessing.Process):
    """Square the numbers from a queue, until a None."""

    def __init__(self, jobs, results, **options):
        super().__init__(**options)
        self.jobs = jobs
        self.results = results
        self.offset = 100

    def run(self):
        for number in iter(self.jobs.get, None):
            self.results.put((self.name, number, number * number + self.offset))


class Announcing(multiprocessing.Process):
    """Wrap the target that the constructor got."""

    def run(self):
        print("before", self.name, flush=True)
        super().run()
        print("after", self.name, flush=True)


class Failing(multiprocessing.Process):
    """Turn an error into an exit code."""

    def run(self):
        try:
            raise LookupError("nowhere")
        except LookupError:
            raise SystemExit(42) from None


def say(text):
    print("   ", text, flush=True)


def main():
    jobs, results = multiprocessing.Queue(), multiprocessing.Queue()
    squarer = Squarer(jobs, results, name="squarer", daemon=True)
    print(isinstance(squarer, multiprocessing.Process), squarer.name, squarer.daemon)
    squarer.start()
    for number in [1, 2, 3, None]:
        jobs.put(number)
    for _ in range(3):
        print(results.get())
    squarer.join()
    print(squarer.exitcode)
    sys.stdout.flush()

    announcing = Announcing(target=say, args=("in the middle",), name="announcer")
    announcing.start()
    announcing.join()
    print(announcing.exitcode)

    failing = Failing()
    failing.start()
    failing.join()
    print(failing.exitcode)

    here = Announcing(target=say, kwargs={"text": "in this process"}, name="here")
    here.run()


if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    main()
