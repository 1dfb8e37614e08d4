"""Names for a terminal, which must not be told what to do by a file's name."""


def printable(text: str) -> str:
    """The text with line ends, escape sequences and bytes that are no text made visible."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
