"""Runs on clusters and over several processes; README.md beside this file says how."""
