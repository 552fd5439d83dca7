# Blender's module for the type checker: every name is there, with any type.
# The stubs on PyPI know one version of Blender, and take attributes of the context for methods.
from typing import Any

def __getattr__(name: str) -> Any: ...
