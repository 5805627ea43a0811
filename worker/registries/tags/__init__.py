"""Lists of tags, page by page."""
