"""Chains as TOML, and the loader that checks them against a registry that is passed in."""
