"""The comparison of the methods, behind compare.py.

comparison     from samples to table and figures: `compare(...)`, for the script and for notebooks
registry       the methods by name; a new method gets its line here
methods/       CCDC, BFAST, random forests: one file each
network        the networks of `models` behind the same face
cells, parts   a method trained and tested once, and on which series
running, code  many cells in parallel; results are kept until the code behind them changes
finished       a weights file of run.py as such a cell, not trained again
studies        which cells the table and the paper's studies take, and the tables of their scores
results        what is written into the folder; its pictures are in figures and study_figures
"""
