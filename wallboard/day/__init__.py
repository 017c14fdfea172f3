"""The day so far and every past day: numbers, charts, lists and files for the desk."""
