"""How far jobs are, shown to a person: bars, or a line now and then."""
