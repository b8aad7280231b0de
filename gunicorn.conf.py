"""Make plain `gunicorn wsgi:app` right: see chat/serving/start.py for what and why."""

from chat.serving.start import gunicorn_settings

globals().update(gunicorn_settings())
