"""Sending by Celery workers on any number of machines."""
