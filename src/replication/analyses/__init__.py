"""What trained nets look like inside: the responses of their layers (Figure 7)."""
