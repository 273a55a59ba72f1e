"""Code that child processes of tests run. It is in a package because every start method can import it."""
