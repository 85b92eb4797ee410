"""The job that follows imports and makes their examples findable."""
