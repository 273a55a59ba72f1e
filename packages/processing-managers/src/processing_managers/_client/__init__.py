"""How the proxies of a process reach a server: the links, and the channels by which threads send requests."""
