"""Quality control without ground truth: measures of delivered mattes, and their limits."""

from maggie_core.qc.check import check
from maggie_core.qc.delivery import MatteFiles
from maggie_core.qc.findings import Finding, as_data, as_table, as_text, find, unmeasured
from maggie_core.qc.measures import MEASURES, Limit, Measure, limits_with, needed_for
from maggie_core.qc.page import as_page
from maggie_core.qc.subject import Checked, PlateImages, Subject
from maggie_core.qc.thumbnails import samples, thumbnails

__all__ = [
    "MEASURES",
    "Checked",
    "Finding",
    "Limit",
    "MatteFiles",
    "Measure",
    "PlateImages",
    "Subject",
    "as_data",
    "as_page",
    "as_table",
    "as_text",
    "check",
    "find",
    "limits_with",
    "needed_for",
    "samples",
    "thumbnails",
    "unmeasured",
]
