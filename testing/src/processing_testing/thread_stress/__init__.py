"""Eight threads of one process use each public class at once, to find errors that appear without the GIL."""
