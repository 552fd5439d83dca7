"""What can go wrong, and the exit code each kind ends a command with.

    MaggieError                 1   a defect of ours, when nothing more precise is known
    ├── InputError              2   bad usage or bad input
    │   ├── SettingsError           a setting or a job field has no meaning
    │   ├── FrameError              the plate: missing, unreadable, out of range
    │   ├── GuidanceError           the masks: missing, wrong size, unknown instance
    │   ├── ColorError              OCIO configuration or colour space
    │   └── ModelError              unknown model, damaged or foreign weights
    ├── OutputError             3   a frame could not be written
    └── LicenceError            5   the weights may not be used for this

Every message is one line: what was found, what is needed, what to do.
"""

from __future__ import annotations


class MaggieError(Exception):
    """Base of every error the package raises on purpose."""

    exit_code = 1


class InputError(MaggieError):
    """The user gave something that cannot be used."""

    exit_code = 2


class SettingsError(InputError):
    """A setting is out of range or contradicts another."""


class FrameError(InputError):
    """A plate frame is missing, unreadable or outside the shot."""


class GuidanceError(InputError):
    """A mask is missing, of a foreign shape, or names an unknown instance."""


class ColorError(InputError):
    """The OCIO configuration or a colour space cannot be found."""


class ModelError(InputError):
    """The model is unknown, or its weights are damaged or of another family."""


class OutputError(MaggieError):
    """A result could not be written: no permission, disk full, folder gone."""

    exit_code = 3


class LicenceError(MaggieError):
    """The weights' licence does not allow what was asked."""

    exit_code = 5
