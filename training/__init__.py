"""Behind run.py: the recipe, the loop, its state on disk, the augmentations, adaptation to a new
area.
"""
