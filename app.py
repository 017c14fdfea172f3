"""The ASGI application that the server runs: `uvicorn app:app --workers 1`."""

from wallboard.application import create_app, settings_or_exit

app = create_app(settings_or_exit())
