"""Runs on clusters and over several processes; docs/machines.md says how."""
