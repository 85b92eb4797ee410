"""The table of a task's examples: what was asked for, which rows that is, and a page of them by keyset."""
