"""`rebounce` on the command line."""

import sys


def run() -> None:
    """Answer `--version` without loading anything else, and hand the rest to the command line."""
    if sys.argv[1:] == ["--version"]:
        from rebounce import __version__

        print(f"rebounce {__version__}")
        return
    from rebounce.cli import main

    main()


if __name__ == "__main__":
    run()
