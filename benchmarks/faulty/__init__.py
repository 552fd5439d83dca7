"""Faults put into running jobs: kills, full disks, I/O errors, jumping clocks, damaged frames."""
