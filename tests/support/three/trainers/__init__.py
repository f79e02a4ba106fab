"""Stage 1's trainer of ten lines in each syntax, and what else the syntax can say; each notes what it says.

``python -m support.three.trainers.<syntax> COUNT [fail]``: so many steps; with ``fail`` it ends in an exception.
"""
