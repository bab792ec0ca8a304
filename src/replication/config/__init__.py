"""What a run is: the recipe, and the profiles that recipes are made from. Needs no torch."""
