"""The watch-folder service."""
