"""What `plugins doctor` looks at: each finding says how it stands, and what to do about it."""
