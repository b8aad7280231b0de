"""The process around the application: gunicorn's settings, its worker, start and stop."""
