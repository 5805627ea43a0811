"""What ``celery -A worker`` finds."""

import sys

from worker.app import create_app
from worker.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(str(error))
