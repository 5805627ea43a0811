"""What is kept in MongoDB, and how it is asked for: the only importer of pymongo."""
