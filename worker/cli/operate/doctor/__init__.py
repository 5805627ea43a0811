"""What `plugins doctor` inspects: each finding says how something stands, and what to do about it."""
