"""What every side needs to speak to Redis: its URL, its connection, its outage."""
