"""The REST API of pools and runs, and where the whole API is put together."""
