"""The paper's recipes on a user's own folders: stills and clips composed of mattes and backgrounds."""
