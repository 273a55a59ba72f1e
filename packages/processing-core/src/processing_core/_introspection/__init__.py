"""What an arena says of its family: read as bytes, of this family or from outside."""
