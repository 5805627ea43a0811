"""What ``celery -A worker`` finds."""

from worker.app import create_app

app = create_app()
