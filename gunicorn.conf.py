"""Make plain `gunicorn wsgi:app` right: see chat/serving/settings.py for what and why."""

from chat.serving.settings import gunicorn_settings

globals().update(gunicorn_settings())
