"""What the panel knows and does, without Qt: every rule of the window can be tested here."""
