# SPDX-License-Identifier: Apache-2.0
from rknn.api.error import ErrorReport as ErrorReport, RKNNError as RKNNError
from rknn.api.rknn import RKNN as RKNN

__all__ = ['RKNN', 'RKNNError', 'ErrorReport']
