"""Other people's ways of doing the same, for comparison; nothing of the wallboard is in them."""
