"""Networks, one to a file: each a module with its sizes, knowing nothing of how it is trained or exported."""
