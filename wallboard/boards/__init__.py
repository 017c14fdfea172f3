"""Boards as supervisors make them: defined, edited, kept, carried as a file."""
