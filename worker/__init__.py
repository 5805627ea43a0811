"""How the commands of `contracts` are applied: the Celery app, and all that stands behind it."""
