"""What a network that changes latents may be shown of them, as training configs and model packages say it."""

OF_CODES = "codes"
"""What the tokens stand for."""

ENCODED = "encoded"
"""As the codec made them, before it chose tokens."""
