"""Make plain `gunicorn wsgi:app` right: see chat/serving.py for what and why."""

from chat.serving import gunicorn_settings

globals().update(gunicorn_settings())
