"""The training of token networks: one loop, the stages it goes through, and what keeps it alive."""
