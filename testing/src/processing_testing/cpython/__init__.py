"""CPython's own tests of `multiprocessing` and of `ProcessPoolExecutor`, run on `processing`.

The tests are those of the interpreter that runs them.  Nothing of them is copied: `renaming` makes ``multiprocessing``
and ``concurrent.futures.process`` names of `processing` in the processes of a run, and in those alone.
"""
