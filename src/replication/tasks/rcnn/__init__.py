"""R-CNN on the boxes of a localization net (appendix C)."""
