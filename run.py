"""The command line, and nothing else: `python run.py --help`."""

import sys


def main() -> None:
    """Run the command that the arguments name; without one, the whole system."""
    try:
        from infra.cli.app import main as run

        sys.exit(run())
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything had begun.\n")  # while everything is still being imported
        sys.exit(130)


if __name__ == "__main__":
    main()
