"""`python -m worker.cli` is `plugins`."""

from worker.cli.main import main

if __name__ == "__main__":
    main(prog_name="plugins")
