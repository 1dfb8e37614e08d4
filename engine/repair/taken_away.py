"""How a repair says that it took something away."""


def taken_away(strength: float) -> str:
    """`taken away`, and by how much where that is not all of it."""
    return "taken away" if strength == 1 else f"taken away by {100 * strength:.0f} %"
