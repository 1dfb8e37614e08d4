"""Repairs of one fault each: plugins that take back what a detector of `engine.inspection` found."""
