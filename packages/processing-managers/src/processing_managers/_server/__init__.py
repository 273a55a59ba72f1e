"""The server: its objects, the processes that refer to them, and the threads that serve those."""
