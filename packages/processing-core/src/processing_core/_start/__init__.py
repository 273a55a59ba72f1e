"""How processes are started: a file for each start method, the forkserver's other side, and what a child takes over."""
