"""Messages between processes: pipes, connections and queues."""

__all__: list[str] = []
