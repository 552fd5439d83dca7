"""Odd inputs by class, each given to the real command in a process of its own, and what is right for each."""
