"""The televisions that show the boards: how they are, and what they are asked to do."""
