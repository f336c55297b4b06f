"""One report model, and the renderers that print it."""
