# SPDX-License-Identifier: Apache-2.0
"""Situations that must fail with a clear message and leave nothing behind; without a model."""
import pathlib
import unittest

import support
from rknn.api import RKNN, RKNNError

# Calls that this release has not, with what they return.
NOT_YET = {
    'load_caffe': (('a.prototxt',), -1),
    'load_darknet': (('a.cfg', 'a.weights'), -1),
    'load_keras': (('a.h5',), -1),
    'load_mxnet': (('a.json', 'a.params'), -1),
    'load_tensorflow': (('a.pb', ['x'], [[8, 8, 3]], ['y']), -1),
    'load_tflite': (('a.tflite',), -1),
    'register_op': (('a.rknnop',), None),
    'accuracy_analysis': (('list.txt', '.', True, 'rk1808'), -1),
    'export_encrypted_rknn_model': (('a.rknn',), -1),
    'load_firmware': ((), -1),
    'fetch_rknn_model_config': (('a.rknn',), None),
}


class NotYet(support.InEmptyFolder):
    def test_calls_of_later_releases(self):
        rknn = RKNN()
        for name, (arguments, result) in NOT_YET.items():
            with self.subTest(name):
                report = self.assert_fails(rknn, lambda: getattr(rknn, name)(*arguments), result,
                                           'E0003', ' yet', name)
                self.assertEqual(report.name, 'not-yet')
                self.assertTrue(report.fix)

    def test_boards(self):
        rknn = RKNN()
        for arguments in ((7,), ('rk1808', 7), (b'rk1808',)):
            with self.subTest(arguments):
                self.assert_fails(rknn, lambda: rknn.init_runtime(*arguments), -1, 'E0004',
                                  'give a text')
        self.assert_fails(rknn, lambda: rknn.load_rknn('a.rknn', load_model_in_npu=True), -1,
                          'E0003', 'on a board')
        self.assert_fails(rknn, lambda: rknn.inference([], get_frame_id=True), None, 'E0003',
                          'frame ids')


class CallOrder(support.InEmptyFolder):
    ORDER = ('config, load_pytorch (or load_rknn), build, export_rknn, init_runtime, inference, '
             'release')

    def test_before_loading(self):
        rknn = RKNN()
        calls = {
            'build': (lambda: rknn.build(), -1, 'load_pytorch()'),
            'export_rknn': (lambda: rknn.export_rknn('a.rknn'), -1, 'build()'),
            'init_runtime': (lambda: rknn.init_runtime(), -1, 'build()'),
            'inference': (lambda: rknn.inference([]), None, 'init_runtime()'),
            'get_sdk_version': (lambda: rknn.get_sdk_version(), None, 'init_runtime()'),
        }
        for name, (call, result, needed) in calls.items():
            with self.subTest(name):
                report = self.assert_fails(rknn, call, result, 'E0005', name + '() needs', needed,
                                           self.ORDER)
                self.assertEqual(report.where, name + '()')

    def test_after_release(self):
        rknn = RKNN()
        self.assertIsNone(rknn.release())
        self.assertIsNone(rknn.release())
        calls = {
            'config': (lambda: rknn.config(), -1),
            'load_pytorch': (lambda: rknn.load_pytorch('a.pt'), -1),
            'load_rknn': (lambda: rknn.load_rknn('a.rknn'), -1),
            'build': (lambda: rknn.build(), -1),
            'export_rknn': (lambda: rknn.export_rknn('a.rknn'), -1),
            'init_runtime': (lambda: rknn.init_runtime(), -1),
            'inference': (lambda: rknn.inference([]), None),
            'get_sdk_version': (lambda: rknn.get_sdk_version(), None),
            'eval_perf': (lambda: rknn.eval_perf(), None),
            'eval_memory': (lambda: rknn.eval_memory(), None),
        }
        for name, (call, result) in calls.items():
            with self.subTest(name):
                self.assert_fails(rknn, call, result, 'E0005', 'the object was released',
                                  'rknn = RKNN()')

    def test_leaving_the_with_block_releases(self):
        with RKNN() as rknn:
            pass
        self.assert_fails(rknn, lambda: rknn.build(), -1, 'E0005', 'released')


class Config(support.InEmptyFolder):
    def test_good_values(self):
        for values in (
                {},
                {'reorder_channel': '2 1 0', 'mean_values': [[123.675, 116.28, 103.53]],
                 'std_values': [[58.395, 57.12, 57.375]], 'optimization_level': 3,
                 'target_platform': 'rk1808', 'quantize_input_node': False, 'batch_size': 200,
                 'output_optimize': 1, 'force_builtin_perm': False},
                {'mean_values': [123.675, 116.28, 103.53], 'std_values': (1, 2, 3)},
                {'target_platform': ['rk1808', 'rk3399pro']},
                {'target_platform': ['rv1126']},
                {'quantized_dtype': 'asymmetric_affine-u8'},
                {'quantized_dtype': 'dynamic_fixed_point-i8'},
                {'channel_mean_value': '127.5 127.5 127.5 128'},
        ):
            with self.subTest(values), support.capture() as printed:
                rknn = RKNN()
                self.assertIsNone(rknn.config(**values), rknn.last_error)
                self.assertIsNone(rknn.last_error)
                self.assertIsNone(rknn.config(), rknn.last_error)
            self.assertEqual((printed.out, printed.err), ('', ''))

    def test_unknown_key_names_the_nearest(self):
        rknn = RKNN()
        self.assert_fails(rknn, lambda: rknn.config(mean_value=[[0, 0, 0]]), -1, 'E0301',
                          'mean_value', 'mean_values')
        self.assert_fails(rknn, lambda: rknn.config(quantised_dtype='u8'), -1, 'E0301',
                          'quantised_dtype', 'quantized_dtype')

    def test_key_of_another_generation(self):
        rknn = RKNN()
        self.assert_fails(rknn, lambda: rknn.config(quant_img_RGB2BGR=True), -1, 'E0301',
                          'quant_img_RGB2BGR', 'RKNN-Toolkit2', "reorder_channel='2 1 0'")
        self.assert_fails(rknn, lambda: rknn.config(custom_string='a'), -1, 'E0301',
                          'custom_string', 'RKNN-Toolkit2', 'leave it out')
        self.assert_fails(rknn, lambda: rknn.config(caffe_mean_file='a'), -1, 'E0301',
                          'caffe_mean_file', 'early releases', 'mean_values')

    def test_wrong_values(self):
        rknn = RKNN()
        for key, value in (('mean_values', {'r': 1}), ('mean_values', [['a']]),
                           ('std_values', 3), ('batch_size', 'many'), ('batch_size', 1.5),
                           ('force_builtin_perm', 'yes'), ('quantized_dtype', 8),
                           ('target_platform', [1808]), ('output_optimize', 2),
                           ('channel_mean_value', '1'), ('channel_mean_value', [1, 2]),
                           ('channel_mean_value', '1 ' * 1000)):
            with self.subTest(key=key, value=str(value)[:20]):
                self.assert_fails(rknn, lambda: rknn.config(**{key: value}), -1, 'E0302',
                                  'config(%s=...) wants' % key, repr(value)[:100])

    def test_values_that_the_library_refuses(self):
        rknn = RKNN()
        for values, id, text in (
                ({'quantized_dtype': 'float8'}, 'E0302', 'float8'),
                ({'optimization_level': 9}, 'E0302', '9'),
                ({'quantized_method': 'tensor'}, 'E0302', 'layer or channel'),
                ({'target_platform': 'rk9999'}, 'E0305', 'rk9999'),
                ({'target_platform': ['rk1808', 'rv1109']}, 'E0305', 'rv1109'),
                ({'std_values': [[0, 1, 1]]}, 'E0303', '0'),
                ({'reorder_channel': '2-1-0'}, 'E0304', '2-1-0'),
        ):
            with self.subTest(values):
                self.assert_fails(rknn, lambda: rknn.config(**values), -1, id, text)

    def test_both_forms_of_the_mean(self):
        rknn = RKNN()
        self.assert_fails(
            rknn, lambda: rknn.config(channel_mean_value='0 0 0 1', mean_values=[[0, 0, 0]]), -1,
            'E0302', 'channel_mean_value together with mean_values')

    def test_nothing_goes_on_with_half_of_a_configuration(self):
        rknn = RKNN()
        with support.capture():
            self.assertEqual(rknn.config(mean_value=[[0, 0, 0]]), -1)
        for call in (lambda: rknn.load_pytorch('a.pt', [[3, 8, 8]]),):
            self.assert_fails(rknn, call, -1, 'E0005', 'config() was refused', 'mean_value')
        self.assertIsNone(rknn.config())
        self.assert_fails(rknn, lambda: rknn.load_pytorch('a.pt', [[3, 8, 8]]), -1, 'E0101',
                          'a.pt')


class Loading(support.InEmptyFolder):
    def test_absent_files(self):
        rknn = RKNN()
        for path in ('absent.pt', pathlib.Path('absent.pt'), b'absent.pt'):
            self.assert_fails(rknn, lambda: rknn.load_pytorch(path, [[3, 8, 8]]), -1, 'E0101',
                              'absent.pt')
        self.assert_fails(rknn, lambda: rknn.load_rknn('absent.rknn'), -1, 'E0101', 'absent.rknn')

    def test_paths_that_are_none(self):
        rknn = RKNN()
        for path in (None, 7, ['a.pt'], 'a\0b'):
            with self.subTest(path):
                self.assert_fails(rknn, lambda: rknn.load_pytorch(path, [[3, 8, 8]]), -1, 'E0004',
                                  'load_pytorch(model=...)')
        self.assert_fails(rknn, lambda: rknn.load_rknn(None), -1, 'E0004', 'load_rknn(path=...)')

    def test_files_of_another_kind(self):
        pathlib.Path('words.pt').write_text('<html>not found</html>')
        rknn = RKNN()
        with support.capture() as printed:
            self.assertEqual(rknn.load_pytorch('words.pt', [[3, 8, 8]]), -1)
            first = rknn.last_error
            self.assertEqual(rknn.load_rknn('words.pt'), -1)
        for report in (first, rknn.last_error):
            self.assertIn('words.pt', report.text)
            self.assertRegex(report.id, r'^E0[126]\d\d$')
        self.assertEqual(printed.out, '')

    def test_sizes_that_are_none(self):
        rknn = RKNN()
        for sizes in ('3,8,8', [['a', 8, 8]], [[3.5, 8, 8]], [None], 7, [[3, 8, 8], 'abc'],
                      [[1] * 9], [[2 ** 70, 8, 8]]):
            with self.subTest(sizes):
                self.assert_fails(rknn, lambda: rknn.load_pytorch('a.pt', sizes), -1, 'E0207',
                                  'input_size_list', '[[3, 416, 416]]')


class Report(support.InEmptyFolder):
    def test_exceptions_on_demand(self):
        rknn = RKNN(raise_on_error=True)
        with support.capture() as printed:
            with self.assertRaises(RKNNError) as raised:
                rknn.load_tflite('a.tflite')
        error, report = raised.exception, rknn.last_error
        for field in ('id', 'name', 'what', 'where', 'why', 'fix', 'hint', 'text', 'exit_code'):
            self.assertEqual(getattr(error, field), getattr(report, field))
        self.assertEqual(str(error), report.text)
        self.assertEqual((printed.out, printed.err), ('', ''))
        with self.assertRaises(AttributeError):
            error.no_such_field

    def test_a_later_success_clears_the_error(self):
        rknn = RKNN()
        self.assertIsNone(rknn.last_error)
        with support.capture():
            rknn.load_tflite('a.tflite')
        self.assertIsNotNone(rknn.last_error)
        self.assertIsNone(rknn.config())
        self.assertIsNone(rknn.last_error)

    def test_the_text_has_all_parts(self):
        rknn = RKNN()
        with support.capture():
            rknn.build()
        report = rknn.last_error
        self.assertEqual(report.text.split('\n'), [
            'error[E0005]: ' + report.what, '  where: ' + report.where, '  why: ' + report.why,
            '  help: ' + report.fix])
        self.assertEqual(report.hint, report.fix)
        self.assertEqual(str(report), report.text)
        self.assertIn('E0005', repr(report))


if __name__ == '__main__':
    support.main()
