"""The floor right now, as the desk shows it."""
