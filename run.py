"""The command line, and nothing else: `python run.py --help`."""

import sys


def main() -> None:
    """Run the command that the arguments name; without one, the whole system."""
    from infra.cli.app import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
