"""Fuzzing: whatever comes from outside is read or refused, quickly and in little memory."""
