"""Music, faults, networks and scores. Nothing in here is needed to restore a file."""
