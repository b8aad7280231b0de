"""The application, for `flask run` and `gunicorn wsgi:app`."""

from chat.serving.load import load

app = load()
