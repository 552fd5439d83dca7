"""Random edits of a small shot between and during its runs, compared with runs from nothing."""
