"""The panel: a shot opened, looked at, corrected and matted in one window.

It imports Qt and `maggie_api` alone, so that the same window docks in a host. Pixels are drawn in another
process (`maggie_node.picture_server`), mattes are made in the worker.
"""
