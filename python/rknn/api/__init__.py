# SPDX-License-Identifier: Apache-2.0
"""The interface of RKNN-Toolkit 1.x: from rknn.api import RKNN."""
from rknn.api.error import ErrorReport, RKNNError
from rknn.api.rknn import RKNN

__all__ = ['RKNN', 'RKNNError', 'ErrorReport']
