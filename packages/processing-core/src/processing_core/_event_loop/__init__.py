"""Waiting in an event loop: for what changes in the arena, for descriptors, for deaths.

`waiter` has the one waiter of a loop and the argument, `asyncio_waiter` and `trio_waiter` what differs between loops,
`current` chooses, and `until` is what the packages above await.
"""
