"""What changes the database: one function a deed, keyword-only, one transaction, its audit row inside."""
