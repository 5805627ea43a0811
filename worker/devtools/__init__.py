"""Tools for a trial on one machine: servers, every process, a demo. Only the command line imports it."""
