"""What the book needs of any chapter: stored results, claims, plots, pages. Nothing here knows any science."""
