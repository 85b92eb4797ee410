"""What is accepted from a person, one file a noun."""
