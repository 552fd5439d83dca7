"""Parts of the window. They draw what a `Session` says and pass on what somebody does."""
