"""The side of the worker process: it takes tasks, runs them and sends their results."""
