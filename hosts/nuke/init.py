"""Nuke runs this in every mode. Whatever is wrong with MaGGIe, Nuke starts."""

import traceback

try:
    import maggie_nuke

    maggie_nuke.register()
except Exception:
    traceback.print_exc()
