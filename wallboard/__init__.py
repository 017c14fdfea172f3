"""A live wallboard for a hosted PBX: webhooks in, a board that moves by itself out."""

__version__ = "0.1.0"
