"""Page-shaped reads, one file a noun."""
