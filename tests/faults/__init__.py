"""Faults of the file system, put in at the n-th operation for every n: by a library loaded before all others."""
