"""Nuke runs this when it has windows. Whatever is wrong with MaGGIe, Nuke starts."""

import traceback

try:
    import maggie_nuke

    maggie_nuke.register_menu()
except Exception:
    traceback.print_exc()
