"""The supervision of worker processes: starting, watching, stopping and replacing them."""
