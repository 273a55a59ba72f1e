"""The jobs of a pool: a call, a map or an `imap` each, and what their callers wait for."""
