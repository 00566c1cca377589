"""The comparison of the methods, behind compare.py.

cells       a method, trained and tested once; cells run in parallel and are kept as files
finished    a run of run.py as such a cell, not trained again
studies     which cells the table and the paper's studies take, and the tables made from their results
figures     of the table and the studies
"""
