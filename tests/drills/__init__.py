"""What kills, damage, odd values, odd sources and a full disk do to a study; see `__main__.py`."""
