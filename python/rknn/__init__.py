# SPDX-License-Identifier: Apache-2.0
"""OpenRKNN for Python: a drop-in for RKNN-Toolkit 1.x. Scripts use rknn.api."""
from rknn._openrknn import version as __version__

__all__ = ['__version__']
