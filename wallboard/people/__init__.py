"""Accounts, sessions, machines' keys and the audit log: folds of the journal's remarks, and their pages."""
