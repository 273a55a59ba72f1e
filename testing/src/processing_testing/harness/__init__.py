"""The parts that run and supervise the tests."""
