"""Values, arrays and memory that processes share without a server."""
