"""Proxies: they represent the objects of a server in other processes."""
