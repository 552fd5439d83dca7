"""Errors: one tree, and one exit code for each kind."""

from __future__ import annotations

import pytest

from maggie_api import errors


def test_every_error_has_an_exit_code_of_its_kind():
    kinds = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BaseException)
    ]

    assert all(getattr(each, "exit_code") in range(1, 256) for each in kinds)  # noqa: B009
    assert all(issubclass(each, errors.MaggieError) for each in kinds if each is not errors.Cancelled)


def test_code_that_fails_one_frame_and_goes_on_does_not_keep_a_cancellation():
    with pytest.raises(errors.Cancelled):
        try:
            raise errors.Cancelled
        except Exception:  # as code does that reports a frame as failed
            pass
