"""The engine of a pool: its jobs, the channel to what runs their tasks, and the collecting of results."""
