"""How each network becomes the parts of a model package, one file a network."""
