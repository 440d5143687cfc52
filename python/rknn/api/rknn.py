# SPDX-License-Identifier: Apache-2.0
"""The class RKNN of RKNN-Toolkit 1.x, with its methods, defaults and return values.

All work is done in rknn._openrknn. What is here is the shape of the interface: a call that fails
prints its error to stderr, keeps it in `last_error` and returns -1 or None, or raises RKNNError
when the object was made with raise_on_error=True.
"""
from rknn._openrknn import Failure, Model
from rknn.api.error import ErrorReport, RKNNError


class RKNN:
    """Takes a network from its framework to a .rknn model, and runs it.

    verbose         print all log lines to stderr, not warnings and errors alone
    verbose_file    write the log lines to this file too; needs verbose=True
    raise_on_error  raise RKNNError where RKNN-Toolkit returns -1 or None

    The calls in their order: config, load_pytorch (or load_rknn alone), build, export_rknn,
    init_runtime, inference, release. `last_error` is the ErrorReport of the last call, None when it
    succeeded.
    """

    def __init__(self, verbose=False, verbose_file=None, raise_on_error=False):
        self.last_error = None
        self._raise_on_error = raise_on_error
        self._perf_debug = False
        self._eval_mem = False
        self._model = Model(verbose)
        if verbose_file is not None:
            if verbose:
                self._call(None, None, self._model.log_to, verbose_file)
            else:
                self._model.print('W', 'verbose_file has no effect without verbose=True')

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        self.release()

    def _call(self, success, failed, function, *args):
        """Calls into the C module; `success` None stands for what the function returns."""
        self.last_error = None
        try:
            result = function(*args)
        except Failure as failure:
            self.last_error = ErrorReport(*failure.args)
        else:
            return result if success is None else success
        if self._raise_on_error:
            raise RKNNError(self.last_error)
        self._model.print('E', self.last_error.text)
        return failed

    def _not_yet(self, failed, call):
        return self._call(None, failed, self._model.not_yet, call)

    def release(self):
        """Gives everything back; the object cannot be used afterwards. Returns None."""
        return self._call(None, None, self._model.release)

    # ---- configuring and loading -----------------------------------------------------------

    def config(self, batch_size=100, mean_values=None, std_values=None, epochs=-1,
               reorder_channel=None, need_horizontal_merge=False,
               quantized_dtype='asymmetric_quantized-u8', quantized_algorithm='normal',
               mmse_epoch=3, optimization_level=3, target_platform=None,
               quantize_input_node=False, merge_dequant_layer_and_output_node=False,
               model_pruning=False, force_builtin_perm=False, output_optimize=0,
               do_sparse_network=True, remove_tensorflow_output_permute=False,
               channel_mean_value=None, vendor_exact=False, splits=8, max_drop=None,
               quantized_method='layer', equalization=True, **extra):
        """Sets how the network is to be built and how pictures are to be prepared for it.

        mean_values, std_values: a list of numbers for each input, [[123.675, 116.28, 103.53]], or
        the numbers alone for a single input. reorder_channel: '2 1 0' swaps red and blue, before
        mean and std. target_platform: a name or a list of names; None means ['rk1808'].
        quantized_algorithm: 'normal' chooses ranges and whatever else helps by measurement; 'mmse',
        'kl_divergence' and 'percentile' fix how ranges are chosen. vendor_exact: quantize as the
        vendor's toolkit does, bit for bit. splits: launches that may be added by computing convolutions in groups of
        channels, 0 for none. max_drop: points of accuracy that may be lost; layers that lose more get
        16 bits. quantized_method: 'channel' gives weights a scale for each output channel, which the
        chips of the RK1808 family take. equalization: channels between convolutions may be scaled to ranges
        alike, where that lowers the error. These five are ours.
        channel_mean_value: the early form 'M0 M1 M2 S', instead of mean_values and std_values.
        Returns None; -1 when a key or value is refused: then loading and building fail too.
        """
        values = dict(locals())
        del values['self'], values['extra']
        return self._call(None, -1, self._model.config, values, extra)

    def load_pytorch(self, model, input_size_list=None, inputs=None, outputs=None,
                     convert_engine='torch'):
        """Loads a network of torch.jit.trace (.pt) or torch.export (.pt2).

        input_size_list: [[channels, height, width], ...], one for each input; may be left out when
        the file records the sizes. outputs: names of tensors to end the network with, as `ork check`
        and `ork info --graph` show them. inputs and convert_engine are taken for the sake of old
        scripts. Returns 0 or -1.
        """
        return self._call(0, -1, self._model.load_pytorch, model, input_size_list, outputs)

    def load_rknn(self, path, load_model_in_npu=False):
        """Loads a .rknn model, to run it. Returns 0 or -1."""
        if load_model_in_npu:
            return self._not_yet(-1, 'load_model_in_npu')
        return self._call(0, -1, self._model.load_rknn, path)

    def load_caffe(self, model, proto='caffe', blobs=None):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_caffe')

    def load_darknet(self, model, weight):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_darknet')

    def load_keras(self, model, convert_engine='Keras'):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_keras')

    def load_mxnet(self, symbol, params, input_size_list=None):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_mxnet')

    def load_onnx(self, model, inputs=None, input_size_list=None, outputs=None):
        """Loads an ONNX file.

        inputs, outputs: names of tensors between which the network is taken; the file's own when
        they are None. input_size_list: [[channels, height, width], ...], one for each input; may be
        left out when the file fixes the sizes. Returns 0 or -1.
        """
        return self._call(0, -1, self._model.load_onnx, model, inputs, input_size_list, outputs)

    def load_tensorflow(self, tf_pb, inputs, input_size_list, outputs, predef_file=None,
                        mean_values=None, std_values=None, size_with_batch=None):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_tensorflow')

    def load_tflite(self, model):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_tflite')

    def register_op(self, op_path):
        """Not available yet: returns None."""
        return self._not_yet(None, 'register_op')

    # ---- what a chip takes -------------------------------------------------------------------

    def check(self, target='rk1808', is_print=True):
        """Tells what a chip will not take of the loaded network, or takes badly; builds nothing.

        An extension: RKNN-Toolkit has no such call. target: 'rk1808', 'rv1126' ... Prints a table,
        unless is_print is False, and returns a dictionary: 'findings', a list of dictionaries with
        'rule', 'severity' ('stops', 'host', 'accuracy' or 'slow'), 'layer', 'scope', 'operator',
        'inputs', 'output', 'why' and 'instead'; 'outputs', names to end the network with so that
        the chip takes all of it; counts of layers, multiplications and weights; the table, 'text'.
        None when it fails.
        """
        report = self._call(None, None, self._model.check, target)
        if report is not None and is_print:
            print(report['text'], end='')
        return report

    # ---- building --------------------------------------------------------------------------

    def build(self, do_quantization=True, dataset='dataset.txt', pre_compile=False,
              rknn_batch_size=1, auto_hybrid=False):
        """Builds the loaded network.

        auto_hybrid: give 16 bits to the layers that lose most in 8, until no more than the points
        of config(max_drop=...) are lost, 1 where it is not set.

        dataset: a text file with one sample a line, for quantization: a picture or an .npy file,
        for several inputs separated by spaces. pre_compile: export_rknn writes what
        export_rknn_precompile_model does. Returns 0 or -1. Ctrl-C stops it.
        """
        return self._call(0, -1, self._model.build, do_quantization, dataset, pre_compile,
                          rknn_batch_size, auto_hybrid)

    def direct_build(self, model_input, data_input, model_quantize=None, pre_compile=False):
        """Builds from the .json and .data files of hybrid_quantization_step1() alone, without the model
        that they were made of: with the types and ranges of the configuration model_quantize, or,
        without one, in floats. Returns 0 or -1.
        """
        if pre_compile:
            return self._not_yet(-1, 'pre_compile')
        return self._call(0, -1, self._model.build_hybrid, 'direct_build', model_input, data_input,
                          model_quantize)

    def hybrid_quantization_step1(self, dataset=None):
        """Measures the loaded network on samples and writes three files of its name into the working
        folder: .json, .data, and .quantization.cfg, in which layers get other types by hand, before
        hybrid_quantization_step2(). Returns 0 or -1.
        """
        return self._call(0, -1, self._model.prepare_hybrid, dataset)

    def hybrid_quantization_step2(self, model_input, data_input, model_quantization_cfg,
                                  dataset=None, pre_compile=False):
        """Builds the network of the files of hybrid_quantization_step1(), with the types and ranges
        that stand in the configuration; the dataset is not needed again. Returns 0 or -1.
        """
        if pre_compile:
            return self._not_yet(-1, 'pre_compile')
        return self._call(0, -1, self._model.build_hybrid, 'hybrid_quantization_step2', model_input,
                          data_input, model_quantization_cfg)

    def accuracy_analysis(self, inputs, output_dir='./snapshot', calc_qnt_error=True, target=None,
                          device_id=None, dump_file_type='tensor'):
        """Tells which layers of the quantized network lose accuracy.

        To be called after build(do_quantization=True). inputs: a text file with one sample a line,
        as for build. Writes to output_dir what RKNN-Toolkit does: the lists
        entire_qnt_error_analysis.txt and individual_qnt_error_analysis.txt, and each layer's numbers
        for the first sample in fp32, entire_qnt and individual_qnt ('tensor': text for
        numpy.loadtxt; 'npy': arrays); and error_analysis.json and error_analysis.html, which name
        the layers that do damage and say what to do. calc_qnt_error=False: only fp32. Boards are not
        available yet: target must be None. Returns 0 or -1.
        """
        return self._call(0, -1, self._model.accuracy_analysis, inputs, output_dir, calc_qnt_error,
                          target, dump_file_type)

    def evaluate(self, annotations=None, labelled=None, images=None, limit=0, letterbox='auto',
                 bgr=False, agnostic=False, score=0.01, nms=0.65, seen=0.3, crop=0.0, offset=0):
        """Measures the built network, and the float network that it was made of, on pictures.

        An extension: RKNN-Toolkit has no such call. For detectors, annotations is a JSON file in the
        form of COCO, images the folder of its pictures where that is not found beside it; for
        classifiers, labelled is a folder with a folder of pictures for each class, or a list with a
        picture and its class in each line. limit: the first so many pictures only. The other
        parameters are the options of `ork eval`.
        Returns a dictionary: 'pictures', how many there were; 'float' and 'built', dictionaries of
        'AP', 'AP50' ... or 'top-1' and 'top-5', from 0 to 1; 'built' also tells how many boxes of the
        float network are 'kept' and 'lost' and how many are 'new', or how many pictures only it has
        right ('right_only') or wrong ('wrong_only'). After load_rknn there is no 'float'. None when
        it fails.
        """
        return self._call(None, None, self._model.evaluate, annotations, labelled, images, limit,
                          letterbox, bgr, agnostic, score, nms, seen, crop, offset)

    # ---- exporting -------------------------------------------------------------------------

    def export_rknn(self, export_path):
        """Writes the built model to a .rknn file, whole or not at all. Returns 0 or -1."""
        return self._call(0, -1, self._model.export_rknn, export_path)

    def export_rknn_precompile_model(self, export_path):
        """Writes the built or loaded model packed for the processor of this computer: librknn_api.so
        starts sooner with it. The simulator does not take such a file. Returns 0 or -1.
        """
        return self._call(0, -1, self._model.export_precompiled, export_path)

    def export_rknn_sync_model(self, input_model, sync_uids, output_model=None):
        """Copies a .rknn file with layers marked as ones to be done before the next begins.

        sync_uids: numbers of the column Uid of eval_perf() after init_runtime(perf_debug=True).
        output_model: None means the input's name with _sync in front of .rknn. The simulator
        computes layer after layer anyhow. Returns 0 or -1.
        """
        return self._call(0, -1, self._model.export_sync, input_model, sync_uids, output_model)

    def export_encrypted_rknn_model(self, input_model, output_model=None, crypt_level=1):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'export_encrypted_rknn_model')

    def export_rknn_quant_params(self, model, only_io=True):
        """Writes the scales and zero points of a .rknn file to <its name>_quant_param.yml in the
        working folder: of its inputs and outputs, or, with only_io=False, of all tensors. Returns 0
        or -1.
        """
        return self._call(0, -1, self._model.export_quant_params, model, only_io)

    # ---- running ---------------------------------------------------------------------------

    def init_runtime(self, target=None, device_id=None, perf_debug=False, eval_mem=False,
                     async_mode=False, rknn2precompile=False, target_sub_class=None):
        """Prepares the built or loaded model to run: on the simulator, for which target is None, or
        on a board.

        target: the chip of the board: 'rk1808', 'rv1126' ... device_id: which board, as
        list_devices() names it; may be left out when one is connected; 'tcp:HOST:PORT' is a board
        whose ork-board listens there. Returns 0 or -1.
        """
        self._perf_debug = bool(perf_debug)
        self._eval_mem = bool(eval_mem)
        return self._call(0, -1, self._model.init_runtime, target, device_id)

    def inference(self, inputs=None, data_type='uint8', data_format='nhwc',
                  inputs_pass_through=None, get_frame_id=False):
        """Runs the model once.

        inputs: a list with a numpy array for each input; each is cast to data_type ('uint8',
        'int8', 'int16', 'float16' or 'float32'). A picture may come without its batch dimension.
        data_format: 'nhwc' (as pictures are) or 'nchw'. inputs_pass_through: 1 for an input that
        goes in as it is, without reordering, mean and std.
        Returns a list of float32 arrays in the network's own order of dimensions, or None.
        """
        if get_frame_id:
            return self._not_yet(None, 'get_frame_id')
        return self._call(None, None, self._model.inference, inputs, data_type, data_format,
                          inputs_pass_through)

    def eval_perf(self, inputs=None, data_type=None, data_format=None, is_print=True, loop_cnt=1,
                  export_perf_statistics=False):
        """Estimates how long the loaded or built network takes on its chip: the first of
        target_platform. Nothing runs; inputs and loop_cnt have no part in it.

        Prints a table, with operators and their sums after init_runtime(perf_debug=True); then
        export_perf_statistics=True also writes the sums to perf_statistics.csv. Returns a
        dictionary: 'total_time' in microseconds, 'layers' by number, each with 'name', 'operation'
        and 'time'; 'kind', which is 'estimated'; 'target'; the table, 'text'. None when it fails.
        """
        statistics = export_perf_statistics and self._perf_debug
        report = self._call(None, None, self._model.eval_perf, self._perf_debug,
                            'perf_statistics.csv' if statistics else None)
        if report is not None and is_print:
            print(report['text'], end='')
        return report

    def eval_memory(self, is_print=True):
        """Estimates how much memory the loaded or built network takes on its chip.

        Prints it as RKNN-Toolkit does. Returns a dictionary: 'system_memory', 'npu_memory' and
        'total_memory', each with 'maximum_allocation' and 'total_allocation' in bytes; 'kind', which
        is 'estimated'; 'target'; what is printed, 'text'. After init_runtime(eval_mem=True) also
        'session': bytes of the simulator here, its 'weights', 'tensors' and other parts, their
        'total', and of the whole 'process' by the system. None when it fails.
        """
        report = self._call(None, None, self._model.eval_memory, self._eval_mem)
        if report is not None and is_print:
            print(report['text'], end='')
        return report

    def get_sdk_version(self):
        """The version of what runs the model, as text; None before init_runtime."""
        return self._call(None, None, self._model.get_sdk_version)

    def list_devices(self):
        """Prints and returns the boards that are connected: (those of adb, those of ntb). Boards that
        cannot be used now are left out, with a warning that says why. ntb is the vendor's own way,
        which is not there: its list is empty. None when adb cannot be asked.
        """
        devices = self._call(None, None, self._model.list_devices)
        if devices is None:
            return None
        print('*' * 25)
        if devices:
            print('all device(s) with adb mode:')
            print(','.join(devices))
        else:
            print('None devices connected.')
        print('*' * 25)
        return devices, []

    def list_support_target_platform(self, rknn_model=None):
        """Prints which chips a .rknn file is for and which can run it, or, without one, all chips.

        Returns a dictionary, 'filled_target_platform' and 'support_target_platform'; None without a
        file or when it cannot be read.
        """
        report = self._call(None, None, self._model.target_platforms, rknn_model)
        if report is not None:
            print(report.pop('text'), end='')
        return report or None

    def load_firmware(self, fw_dir=None):
        """Not available yet: returns -1."""
        return self._not_yet(-1, 'load_firmware')

    def fetch_rknn_model_config(self, model_path):
        """Not available yet: returns None."""
        return self._not_yet(None, 'fetch_rknn_model_config')
