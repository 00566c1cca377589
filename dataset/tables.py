"""The tables of the simulated sets: one CSV file each, beside the code that reads it."""

import csv
from pathlib import Path

HERE = Path(__file__).parent


def rows(name, words):
    """Rows of dataset/NAME.csv as dicts. words: columns of words; all others hold numbers."""
    found = []
    with open(HERE / f"{name}.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {key: float(row[key]) for key in row if key not in words}
            found.append({key: row[key] for key in words} | numbers)
    return found


def pieces(text):
    """What a cell lists between semicolons."""
    return [piece.strip() for piece in text.split(";") if piece.strip()]
