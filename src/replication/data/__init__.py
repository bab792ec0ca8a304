"""Data sets: sources are prepared into stores and indices of images, with digests."""
