# SPDX-License-Identifier: Apache-2.0
from os import PathLike
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from rknn.api.error import ErrorReport

_Path = Union[str, bytes, PathLike[str]]
_Numbers = Union[str, Sequence[float], Sequence[Sequence[float]]]
_Sizes = Union[Sequence[int], Sequence[Sequence[int]]]

class RKNN:
    last_error: Optional[ErrorReport]
    def __init__(
        self,
        verbose: bool = False,
        verbose_file: Optional[_Path] = None,
        raise_on_error: bool = False,
    ) -> None: ...
    def __enter__(self) -> RKNN: ...
    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None: ...
    def release(self) -> None: ...
    def config(
        self,
        batch_size: int = 100,
        mean_values: Optional[_Numbers] = None,
        std_values: Optional[_Numbers] = None,
        epochs: int = -1,
        reorder_channel: Optional[str] = None,
        need_horizontal_merge: bool = False,
        quantized_dtype: str = 'asymmetric_quantized-u8',
        quantized_algorithm: str = 'normal',
        mmse_epoch: int = 3,
        optimization_level: int = 3,
        target_platform: Union[None, str, Sequence[str]] = None,
        quantize_input_node: bool = False,
        merge_dequant_layer_and_output_node: bool = False,
        model_pruning: bool = False,
        force_builtin_perm: bool = False,
        output_optimize: int = 0,
        do_sparse_network: bool = True,
        remove_tensorflow_output_permute: bool = False,
        channel_mean_value: Optional[str] = None,
        vendor_exact: bool = False,
        splits: int = 8,
        max_drop: Optional[float] = None,
        quantized_method: str = 'layer',
        equalization: bool = True,
        **extra: Any,
    ) -> Optional[int]: ...
    def load_pytorch(
        self,
        model: _Path,
        input_size_list: Optional[_Sizes] = None,
        inputs: Optional[Sequence[str]] = None,
        outputs: Optional[Sequence[str]] = None,
        convert_engine: str = 'torch',
    ) -> int: ...
    def load_rknn(self, path: _Path, load_model_in_npu: bool = False) -> int: ...
    def load_caffe(
        self,
        model: _Path,
        proto: str = 'caffe',
        blobs: Optional[_Path] = None,
    ) -> int: ...
    def load_darknet(self, model: _Path, weight: _Path) -> int: ...
    def load_keras(self, model: _Path, convert_engine: str = 'Keras') -> int: ...
    def load_mxnet(
        self,
        symbol: _Path,
        params: _Path,
        input_size_list: Optional[_Sizes] = None,
    ) -> int: ...
    def load_onnx(
        self,
        model: _Path,
        inputs: Optional[Sequence[str]] = None,
        input_size_list: Optional[_Sizes] = None,
        outputs: Optional[Sequence[str]] = None,
    ) -> int: ...
    def load_tensorflow(
        self,
        tf_pb: _Path,
        inputs: Sequence[str],
        input_size_list: _Sizes,
        outputs: Sequence[str],
        predef_file: Optional[_Path] = None,
        mean_values: Optional[_Numbers] = None,
        std_values: Optional[_Numbers] = None,
        size_with_batch: Optional[bool] = None,
    ) -> int: ...
    def load_tflite(self, model: _Path) -> int: ...
    def register_op(self, op_path: _Path) -> None: ...
    def check(self, target: str = 'rk1808', is_print: bool = True) -> Optional[Dict[str, Any]]: ...
    def build(
        self,
        do_quantization: bool = True,
        dataset: Optional[_Path] = 'dataset.txt',
        pre_compile: bool = False,
        rknn_batch_size: int = 1,
        auto_hybrid: bool = False,
    ) -> int: ...
    def direct_build(
        self,
        model_input: _Path,
        data_input: _Path,
        model_quantize: Optional[_Path] = None,
        pre_compile: bool = False,
    ) -> int: ...
    def hybrid_quantization_step1(self, dataset: Optional[_Path] = None) -> int: ...
    def hybrid_quantization_step2(
        self,
        model_input: _Path,
        data_input: _Path,
        model_quantization_cfg: _Path,
        dataset: Optional[_Path] = None,
        pre_compile: bool = False,
    ) -> int: ...
    def accuracy_analysis(
        self,
        inputs: _Path,
        output_dir: _Path = './snapshot',
        calc_qnt_error: bool = True,
        target: Optional[str] = None,
        device_id: Optional[str] = None,
        dump_file_type: str = 'tensor',
    ) -> int: ...
    def evaluate(
        self,
        annotations: Optional[_Path] = None,
        labelled: Optional[_Path] = None,
        images: Optional[_Path] = None,
        limit: int = 0,
        letterbox: str = 'auto',
        bgr: bool = False,
        agnostic: bool = False,
        score: float = 0.01,
        nms: float = 0.65,
        seen: float = 0.3,
        crop: float = 0.0,
        offset: int = 0,
    ) -> Optional[Dict[str, Any]]: ...
    def export_rknn(self, export_path: _Path) -> int: ...
    def export_rknn_precompile_model(self, export_path: _Path) -> int: ...
    def export_rknn_sync_model(
        self,
        input_model: _Path,
        sync_uids: Sequence[int],
        output_model: Optional[_Path] = None,
    ) -> int: ...
    def export_encrypted_rknn_model(
        self,
        input_model: _Path,
        output_model: Optional[_Path] = None,
        crypt_level: int = 1,
    ) -> int: ...
    def export_rknn_quant_params(self, model: _Path, only_io: bool = True) -> int: ...
    def init_runtime(
        self,
        target: Optional[str] = None,
        device_id: Optional[str] = None,
        perf_debug: bool = False,
        eval_mem: bool = False,
        async_mode: bool = False,
        rknn2precompile: bool = False,
        target_sub_class: Optional[str] = None,
    ) -> int: ...
    def inference(
        self,
        inputs: Optional[Sequence[np.ndarray]] = None,
        data_type: Optional[str] = 'uint8',
        data_format: Optional[str] = 'nhwc',
        inputs_pass_through: Optional[Sequence[int]] = None,
        get_frame_id: bool = False,
    ) -> Optional[List[np.ndarray]]: ...
    def eval_perf(
        self,
        inputs: Optional[Sequence[np.ndarray]] = None,
        data_type: Optional[str] = None,
        data_format: Optional[str] = None,
        is_print: bool = True,
        loop_cnt: int = 1,
        export_perf_statistics: bool = False,
    ) -> Optional[Dict[str, Any]]: ...
    def eval_memory(self, is_print: bool = True) -> Optional[Dict[str, Any]]: ...
    def get_sdk_version(self) -> Optional[str]: ...
    def list_devices(self) -> Optional[Tuple[List[str], List[str]]]: ...
    def list_support_target_platform(
        self,
        rknn_model: Optional[_Path] = None,
    ) -> Optional[Dict[str, Any]]: ...
    def load_firmware(self, fw_dir: Optional[_Path] = None) -> int: ...
    def fetch_rknn_model_config(self, model_path: _Path) -> Optional[Dict[str, Any]]: ...
