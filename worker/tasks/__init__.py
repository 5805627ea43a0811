"""The Celery tasks: message in, handler out. One for each operation of the catalog, and those of the version
sync.
"""
