"""Numbers of bytes for people, the same wherever they are told."""

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def spell_bytes(count: int) -> str:
    """To a tenth in GB, MB or kB, whichever fits, as disks and downloads are counted."""
    size, unit = next((entry for entry in _UNITS if count >= entry[0]), _UNITS[-1])
    return f"{count / size:.1f} {unit}"
