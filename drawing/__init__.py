"""Behind demo.py: which series are drawn, and what the network says about them.

telling.py  the rule that chooses series that tell much
choice.py   weights, data, part of the split, and the series of samples or of a stack's pixel
"""
