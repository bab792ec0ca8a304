"""The page: tables, figures and verdicts as values, and how they are rendered. Highest in the order of imports."""
