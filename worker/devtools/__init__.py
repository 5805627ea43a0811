"""A trial on one machine: servers, every process, a demo. Imported by the command line alone."""
