"""File descriptors: their owners, and the ways by which they are sent to other processes."""
