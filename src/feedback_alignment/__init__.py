"""Feedback alignment, executable: the package beside the book "Align, then memorise".

Parts: `networks` (trained networks), `experiments` (one module a chapter), `companion` (results, claims, pages),
`streams` (named random streams). Importing the package itself loads none of the heavy libraries.
"""

__version__ = "0.1.0"
