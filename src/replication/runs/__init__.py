"""Runs: the record, the folder, where and with what it was made. Readable without torch."""
