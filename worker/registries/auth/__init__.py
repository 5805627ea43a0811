"""Logins: challenges, tokens, credentials."""
