"""Runs: record, folder, curve, outcome and provenance. Readable without torch."""
