"""The page of the watch-folder service: what it does, what it did, and how that sounds."""
