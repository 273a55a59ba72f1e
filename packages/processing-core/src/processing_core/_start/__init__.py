"""How processes are started: one file for each start method, and one that chooses."""
