"""Who is to be rung back: the work list of callers that nobody reached."""
