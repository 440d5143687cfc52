# SPDX-License-Identifier: Apache-2.0
"""From a network to its outputs, with the sample model of examples/eyes."""
import csv
import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

import support
from rknn.api import RKNN

MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]
SHAPES = [(1, 8, 52, 52), (1, 8, 26, 26), (1, 8, 13, 13)]


def picture():
    """The same smooth picture every time, with colour, so that order and layout matter."""
    y, x = np.mgrid[0:416, 0:416]
    return np.stack([x * 255 // 415, y * 255 // 415, (x + y) * 255 // 830], 2).astype(np.uint8)


def loaded(**options):
    rknn = RKNN(**options)
    rknn.config(mean_values=[MEAN], std_values=[STD], reorder_channel='2 1 0')
    assert rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]) == 0, rknn.last_error
    return rknn


def running(**options):
    rknn = loaded(**options)
    assert rknn.build(do_quantization=False) == 0, rknn.last_error
    assert rknn.init_runtime() == 0, rknn.last_error
    return rknn


def write_dataset(folder, count, times=1):
    """A list of the first pictures; repeated so many times that no build ends before a signal comes."""
    path = pathlib.Path(folder, 'dataset.txt')
    files = sorted((support.EYES / 'calibration').iterdir())[:count]
    path.write_text(''.join('%s\n' % file for file in files * times))
    return path


def resident_bytes():
    pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


@support.needs_eyes
class Hybrid(support.InEmptyFolder):
    def test_two_steps(self):
        with support.capture():
            rknn = loaded()
            self.assertEqual(rknn.hybrid_quantization_step1(write_dataset('.', 4)), 0)
            files = ['eyes.json', 'eyes.data', 'eyes.quantization.cfg']
            self.assertTrue(all(pathlib.Path(name).exists() for name in files))
            cfg = pathlib.Path(files[2])
            cfg.write_text(cfg.read_text().replace('customized_quantize_layers: {}',
                                                   "customized_quantize_layers: {'*': float32}"))
            other = RKNN()
            self.assertEqual(other.hybrid_quantization_step2(*files, dataset='dataset.txt'), 0)
            self.assertEqual(other.init_runtime(), 0)
            real = running()
        expected, found = real.inference([picture()]), other.inference([picture()])
        for a, b in zip(expected, found):
            self.assertEqual(a.shape, b.shape)
            # All layers are floats again, but the input is of 8 bits.
            self.assertLess(np.abs(a - b).max(), 0.5)
        self.assert_fails(other, lambda: other.hybrid_quantization_step2(*files, pre_compile=True), -1,
                          'E0003', 'pre_compile')

    def test_built_from_the_files_alone(self):
        """The network is no longer there; without a configuration it is a float one."""
        with support.capture():
            self.assertEqual(loaded().hybrid_quantization_step1(write_dataset('.', 4)), 0)
            files = ['eyes.json', 'eyes.data']
            answers = []
            for cfg in (None, 'eyes.quantization.cfg'):
                other = RKNN()
                self.assertEqual(other.direct_build(*files, cfg), 0)
                self.assertEqual(other.export_rknn('again.rknn'), 0)
                again = RKNN()
                self.assertEqual(again.load_rknn('again.rknn'), 0)
                for rknn in (other, again):
                    self.assertEqual(rknn.init_runtime(), 0)
                    answers.append(rknn.inference([picture()]))
            step2, real = RKNN(), running()
            self.assertEqual(step2.hybrid_quantization_step2(*files, 'eyes.quantization.cfg'), 0)
            self.assertEqual(step2.init_runtime(), 0)
        expected = [real.inference([picture()])] * 2 + [step2.inference([picture()])] * 2
        for found, wanted in zip(answers, expected):
            for a, b in zip(found, wanted):
                self.assertTrue(np.array_equal(a, b))
        self.assertFalse(np.array_equal(expected[0][0], expected[2][0]))
        self.assert_fails(other, lambda: other.direct_build(*files, pre_compile=True), -1, 'E0003', 'pre_compile')
        self.assert_fails(other, lambda: other.direct_build('absent.json', 'eyes.data'), -1, 'E0101', 'absent.json')

    def test_auto_hybrid(self):
        with support.capture() as printed:
            rknn = RKNN(verbose=True)
            rknn.config(mean_values=[MEAN], std_values=[STD], reorder_channel='2 1 0', splits=0,
                        max_drop=60)
            self.assertEqual(rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]), 0)
            self.assertEqual(rknn.build(dataset=write_dataset('.', 4), auto_hybrid=True), 0)
        self.assertRegex(printed.err, r'\d points are lost, .* in 8 bits alone; estimated cost 1\.0\d times')
        with support.capture():
            rknn = RKNN()
            self.assertEqual(rknn.config(max_drop='much'), -1)
        self.assertEqual(rknn.last_error.id, 'E0302')


@support.needs_eyes
class Check(support.InEmptyFolder):
    def test_findings_and_table(self):
        with support.capture() as printed:
            rknn = loaded()
            report = rknn.check(target='rk1808')
        self.assertEqual(printed.out, report['text'])
        self.assertEqual(printed.err, '')
        self.assertIn('on rk1808: %d layers on the NPU' % report['npu_layers'], printed.out)
        self.assertEqual(report['target'], 'rk1808')
        self.assertGreater(report['multiplications'], 1e6)
        rules = {finding['rule'] for finding in report['findings']}
        self.assertIn('activation', rules)
        for finding in report['findings']:
            self.assertEqual(set(finding), {'rule', 'severity', 'layer', 'scope', 'operator',
                                            'inputs', 'output', 'why', 'instead'})
            self.assertIn(finding['severity'], ('stops', 'host', 'accuracy', 'slow'))
        self.assertTrue(all(isinstance(name, str) for name in report['outputs']))
        with support.capture() as printed:
            self.assertEqual(rknn.check('rk1808', is_print=False), report)
        self.assertEqual(printed.out, '')
        self.assertEqual(rknn.build(do_quantization=False), 0)

    def test_failures(self):
        rknn = RKNN()
        self.assert_fails(rknn, rknn.check, None, 'E0005', 'no model')
        with support.capture():
            rknn = loaded()
        self.assert_fails(rknn, lambda: rknn.check('rk9'), None, 'E0305', 'rk9')


@support.needs_eyes
class Perf(support.InEmptyFolder):
    def test_estimate_and_table(self):
        with support.capture() as printed:
            rknn = loaded()
            report = rknn.eval_perf()
        self.assertEqual(printed.out, report['text'])
        self.assertIn('estimated for RK1808', printed.out)
        self.assertIn('Total Time(us): %.0f' % report['total_time'], printed.out)
        self.assertEqual((report['kind'], report['target']), ('estimated', 'rk1808'))
        layers = report['layers']
        self.assertEqual(list(layers), [str(i) for i in range(len(layers))])
        self.assertEqual(set(layers['0']), {'name', 'operation', 'time'})
        self.assertAlmostEqual(sum(layer['time'] for layer in layers.values()), report['total_time'],
                               places=3)
        with support.capture() as printed:
            self.assertEqual(rknn.eval_perf(is_print=False), report)
        self.assertEqual(printed.out, '')

    def test_details(self):
        with support.capture():
            rknn = running()
            rknn.init_runtime(perf_debug=True)
            report = rknn.eval_perf(loop_cnt=10)
            self.assertFalse(pathlib.Path('perf_statistics.csv').exists())
            rknn.eval_perf(export_perf_statistics=True)
        self.assertIn('Operator time-consuming statistics', report['text'])
        self.assertIn('The performance result is just for debugging', report['text'])
        with open('perf_statistics.csv') as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ['OP', 'Call Number', 'Total Time(us)', 'Time Ratio(%)'])
        self.assertAlmostEqual(sum(float(row['Total Time(us)']) for row in rows),
                               report['total_time'], delta=len(rows))
        self.assertRegex(report['text'], r'(?m)^CONV2D +[0-9]+ +[0-9]+ +[0-9.]+$')

    def test_failures(self):
        rknn = RKNN()
        self.assert_fails(rknn, rknn.eval_perf, None, 'E0005', 'no model')


@support.needs_eyes
class Memory(support.InEmptyFolder):
    def test_estimate_and_session(self):
        with support.capture() as printed:
            rknn = loaded()
            report = rknn.eval_memory()
        self.assertEqual(printed.out, report['text'])
        self.assertEqual((report['kind'], report['target']), ('estimated', 'rk1808'))
        for kind in ('maximum_allocation', 'total_allocation'):
            self.assertEqual(report['total_memory'][kind],
                             report['system_memory'][kind] + report['npu_memory'][kind])
            self.assertIn('%.2f MiB' % (report['npu_memory'][kind] / 2**20), printed.out)
        self.assertNotIn('session', report)
        with support.capture() as printed:
            rknn.build(do_quantization=False)
            rknn.init_runtime(eval_mem=True)
            session = rknn.eval_memory(is_print=False)['session']
        self.assertEqual(printed.out, '')
        self.assertEqual(session['total'], sum(session[part] for part in (
            'weights', 'parameters', 'tensors', 'scratch', 'outputs')))
        self.assertLess(session['total'], session['process'])

    def test_failures(self):
        self.assert_fails(rknn := RKNN(), rknn.eval_memory, None, 'E0005', 'no model')


@support.needs_eyes
class Files(support.InEmptyFolder):
    """Calls that take a .rknn file."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.file = os.path.join(cls.place.name, 'eyes.rknn')
        with support.capture(), RKNN() as rknn:
            rknn.config(mean_values=[MEAN], std_values=[STD], target_platform=['rv1126'],
                        vendor_exact=True)
            assert rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]) == 0
            assert rknn.build(dataset=write_dataset(cls.place.name, 2)) == 0, rknn.last_error
            assert rknn.export_rknn(cls.file) == 0

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def blocks(self):
        """The YAML file, whose form is simple: a name, and keys below it."""
        blocks = {}
        for line in pathlib.Path('eyes_quant_param.yml').read_text().splitlines():
            if not line.startswith(' '):
                block = blocks.setdefault(line.rstrip(':').strip("'"), {})
            else:
                key, value = line.strip().split(': ', 1)
                block[key] = value
        return blocks

    def test_quant_params(self):
        with support.capture():
            rknn = RKNN()
            self.assertEqual(rknn.export_rknn_quant_params(self.file), 0, rknn.last_error)
            some = self.blocks()
            self.assertEqual(rknn.export_rknn_quant_params(self.file, only_io=False), 0)
        self.assertEqual(len(some), 4)
        self.assertEqual(some['x_0:out0']['qtype'], 'u8')
        everything = self.blocks()
        self.assertLess(set(some), set(everything))
        weights = [block for name, block in everything.items()
                   if name.endswith(':in1') and block['op'] == 'VSI_NN_OP_CONV2D']
        self.assertGreater(len(weights), 50)
        for block in weights:
            self.assertEqual((block['qtype'], block['dtype']), ('u8', 'asymmetric_affine'))
            self.assertGreater(float(block['scale']), 0)
            self.assertIn(int(block['zero_point']), range(256))

    def test_sync_model(self):
        with support.capture():
            rknn = RKNN()
            self.assertEqual(rknn.export_rknn_sync_model(self.file, [1, 3], 'marked.rknn'), 0)
            self.assertEqual(rknn.export_rknn_sync_model('marked.rknn', [2]), 0)
            before, after = (pathlib.Path(name).read_bytes()
                             for name in (self.file, 'marked_sync.rknn'))
            self.assertEqual(rknn.load_rknn('marked_sync.rknn'), 0)
        self.assertEqual((before.count(b'"sync"'), after.count(b'"sync"')), (0, 3))
        for uids in ([0], [-1], [100000], 'all', [1.5], None):
            self.assert_fails(rknn, lambda: rknn.export_rknn_sync_model(self.file, uids, 'no.rknn'),
                              -1, 'E0004', 'uid')
        self.assertFalse(pathlib.Path('no.rknn').exists())

    def test_precompiled(self):
        with support.capture():
            rknn = RKNN()
            self.assertEqual(rknn.load_rknn(self.file), 0)
            self.assertEqual(rknn.init_runtime(rknn2precompile=True), 0)
            self.assertEqual(rknn.export_rknn_precompile_model('packed.rknn'), 0, rknn.last_error)
            built = loaded()
            self.assertEqual(built.build(do_quantization=False, pre_compile=True), 0)
            self.assertEqual(built.export_rknn('built.rknn'), 0, built.last_error)
        for name in ('packed.rknn', 'built.rknn'):
            self.assertIn(b'ORKPACK1', pathlib.Path(name).read_bytes())
            self.assert_fails(rknn, lambda: rknn.load_rknn(name), -1, 'E0602', 'pre-compiled',
                              'without pre_compile')
        other = RKNN()
        self.assert_fails(other, lambda: other.export_rknn_precompile_model('no.rknn'), -1, 'E0005',
                          'export_rknn_precompile_model()')

    def test_target_platforms(self):
        with support.capture() as printed:
            rknn = RKNN()
            found = rknn.list_support_target_platform(self.file)
        self.assertEqual(found, {'filled_target_platform': ['rv1126'],
                                 'support_target_platform': ['RV1109', 'RV1126']})
        self.assertEqual(printed.out.splitlines()[1:3], [
            "Target platforms filled in RKNN model:         ['rv1126']",
            "Target platforms supported by this RKNN model: ['RV1109', 'RV1126']"])
        with support.capture() as printed:
            self.assertIsNone(rknn.list_support_target_platform())
        self.assertEqual(printed.out.splitlines()[1:-1], [
            'All RKNN Toolkit supported target platforms:',
            'chip family 1: RK1806,RK1808,RK3399PRO',
            'chip family 2: RV1109,RV1126'])

    def test_files_that_are_not_there(self):
        rknn = RKNN()
        for result, call in ((-1, rknn.export_rknn_quant_params),
                             (-1, lambda path: rknn.export_rknn_sync_model(path, [1])),
                             (None, rknn.list_support_target_platform)):
            self.assert_fails(rknn, lambda: call('missing.rknn'), result, 'E0101', 'missing.rknn')


@support.needs_eyes
class Inference(support.InEmptyFolder):
    @classmethod
    def setUpClass(cls):
        with support.capture() as printed:
            cls.rknn = running()
        cls.printed = printed
        cls.reference = cls.rknn.inference(inputs=[picture()])

    @classmethod
    def tearDownClass(cls):
        cls.rknn.release()

    def assert_same(self, outputs):
        self.assertIsNotNone(outputs, self.rknn.last_error)
        self.assertEqual(len(outputs), len(self.reference))
        for output, reference in zip(outputs, self.reference):
            np.testing.assert_array_equal(output, reference)

    def test_nothing_is_printed(self):
        self.assertEqual((self.printed.out, self.printed.err), ('', ''))

    def test_outputs_are_arrays_of_the_script(self):
        self.assertEqual([output.shape for output in self.reference], SHAPES)
        copies = [output.copy() for output in self.reference]
        others = self.rknn.inference(inputs=[picture()[::-1]])
        for output, copy, other in zip(self.reference, copies, others):
            self.assertEqual(output.dtype, np.float32)
            self.assertTrue(output.flags.writeable and output.flags.owndata)
            np.testing.assert_array_equal(output, copy)
            self.assertFalse(np.array_equal(output, other))

    def test_forms_of_the_same_picture(self):
        image = picture()
        wide = np.zeros((416, 900, 4), np.uint8)
        wide[:, 10:842:2, 1:4] = image
        inference = self.rknn.inference
        self.assert_same(inference([image[None]]))
        self.assert_same(inference((image,)))
        self.assert_same(inference(image))
        self.assert_same(inference([np.asfortranarray(image)]))
        self.assert_same(inference([wide[:, 10:842:2, 1:4]]))
        self.assert_same(inference([image[::-1][::-1]]))
        self.assert_same(inference([image.astype(np.float32)]))
        self.assert_same(inference([image.astype(np.int64)]))
        self.assert_same(inference([image], data_type=None, data_format=None))
        self.assert_same(inference([image], inputs_pass_through=[0]))
        self.assert_same(inference([image.transpose(2, 0, 1)], data_format='nchw'))
        self.assert_same(inference([image.transpose(2, 0, 1)[None]], data_format='NCHW'))
        self.assert_same(inference([image], data_type='float32'))
        self.assert_same(inference([image], data_type='int16'))

    def test_pass_through_skips_the_preparation(self):
        ready = (picture()[..., ::-1] - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
        ready = ready.transpose(2, 0, 1)[None].astype(np.float32)
        outputs = self.rknn.inference([ready], data_type='float32', data_format='nchw',
                                      inputs_pass_through=[1])
        for output, reference in zip(outputs, self.reference):
            np.testing.assert_allclose(output, reference, rtol=1e-3, atol=1e-3)

    def test_wrong_number_of_inputs(self):
        for inputs, text in (([], 'got 0 arrays'), ([picture()] * 2, 'got 2 arrays'),
                             (None, 'NoneType'), ('a.jpg', 'str')):
            with self.subTest(text):
                self.assert_fails(self.rknn, lambda: self.rknn.inference(inputs), None, 'E0701',
                                  text)

    def test_wrong_shapes(self):
        for array in (picture()[:400], picture()[..., :2], picture()[..., 0], np.zeros(3),
                      np.zeros((2, 416, 416, 3)), np.zeros((1, 1, 416, 416, 3)),
                      np.zeros((1,) * 9), np.zeros((0, 416, 416, 3)),
                      picture().transpose(2, 0, 1)):
            with self.subTest(array.shape):
                self.assert_fails(self.rknn, lambda: self.rknn.inference([array]), None, 'E0702')

    def test_wrong_types(self):
        for value in ('a.jpg', object(), [[1], [2, 3]]):
            with self.subTest(value):
                self.assert_fails(self.rknn, lambda: self.rknn.inference([value]), None, 'E0703',
                                  'inputs[0] cannot be read as an array of uint8')
        self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()], data_type='float64'),
                          None, 'E0703', 'float64', "'float32'")
        self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()], data_format='chw'),
                          None, 'E0702', 'chw', "'nchw'")

    def test_wrong_flags(self):
        for flags in ([0, 0], [], 1):
            self.assert_fails(
                self.rknn,
                lambda: self.rknn.inference([picture()], inputs_pass_through=flags), None, 'E0701',
                'inputs_pass_through must be a list of 1')

    def test_works_after_every_error(self):
        with support.capture():
            self.assertIsNone(self.rknn.inference([picture()[:3]]))
        self.assert_same(self.rknn.inference([picture()]))

    def test_exported_model_gives_the_same(self):
        self.assertEqual(self.rknn.export_rknn('eyes.rknn'), 0)
        self.assertEqual(self.written(), ['eyes.rknn'])
        with RKNN() as other:
            self.assertEqual(other.load_rknn('eyes.rknn'), 0)
            self.assertEqual(other.init_runtime(), 0)
            self.assert_same(other.inference([picture()]))

    def test_export_to_an_absent_folder(self):
        self.assert_fails(self.rknn, lambda: self.rknn.export_rknn('absent/eyes.rknn'), -1,
                          'E0102', 'absent/eyes.rknn')

    def test_version_of_the_runtime(self):
        text = self.rknn.get_sdk_version()
        self.assertIn('RKNN VERSION', text)
        self.assertIn('OpenRKNN', text)

    def test_threads_may_share_an_object(self):
        outputs = [None] * 3

        def infer(index):
            outputs[index] = self.rknn.inference([picture()])

        threads = [threading.Thread(target=infer, args=(i,)) for i in range(len(outputs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for output in outputs:
            self.assert_same(output)

    def test_other_threads_go_on(self):
        """With so long a switch interval the other thread runs only when the lock is let go."""
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        count, stop = [0], [False]

        def work():
            while not stop[0]:
                count[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=work)
        thread.start()
        sys.setswitchinterval(1000)
        before = count[0]
        self.rknn.inference([picture()])
        after = count[0]
        sys.setswitchinterval(0.005)
        stop[0] = True
        thread.join()
        self.assertGreater(after, before)

    def test_memory_of_many_inferences(self):
        image = picture()

        def infer(count):
            for _ in range(count):
                self.rknn.inference([image])
            return resident_bytes()

        first = infer(5)
        count = int(os.environ.get('ORK_INFERENCES', '20'))
        # One forgotten set of outputs has 110 KB, one input 500 KB.
        self.assertLess(infer(count) - first, min(count * 50000, 4 << 20))


@support.needs_eyes
class Notes(support.InEmptyFolder):
    def test_each_is_given_once(self):
        with support.capture() as printed:
            with running(verbose=True) as rknn:
                for _ in range(2):
                    rknn.inference([picture() / 255])
                    rknn.inference([picture() / 255], data_type='float32')
        lines = printed.err.splitlines()
        self.assertEqual(printed.out, '')
        for text in ('W inputs[0] holds values that uint8 cannot',
                     'I inputs[0] is one picture of 416x416x3; taken as a batch of one',
                     'I inputs[0] is float64 and was rounded to float32'):
            self.assertEqual(sum(line.startswith(text) for line in lines), 1, printed.err)
        for line in lines:
            self.assertRegex(line, r'^[DIW] ')

    def test_quiet_without_verbose(self):
        with support.capture() as printed, running() as rknn:
            rknn.inference([picture().astype(np.float64)], data_type='float32')
        self.assertEqual((printed.out, printed.err), ('', ''))

    def test_arguments_of_old_scripts(self):
        with support.capture() as printed, RKNN() as rknn:
            self.assertEqual(rknn.load_pytorch(model=str(support.EYES_MODEL), inputs=['x'],
                                               input_size_list=support.EYES_SIZE,
                                               convert_engine='torch1.2'), 0)
            self.assertEqual(printed.err, '')
            self.assertEqual(rknn.load_pytorch(model=str(support.EYES_MODEL), inputs=['x'],
                                               outputs=['y'],
                                               input_size_list=[support.EYES_SIZE]), 0)
        self.assertTrue(printed.err.startswith('W load_pytorch(outputs=...) has no effect'))


@support.needs_eyes
class Building(support.InEmptyFolder):
    def test_order_of_calls(self):
        with loaded() as rknn:
            self.assert_fails(rknn, lambda: rknn.init_runtime(), -1, 'E0005',
                              'build() was not called or has failed', 'call build() first')
            self.assert_fails(rknn, lambda: rknn.export_rknn('a.rknn'), -1, 'E0005', 'build()')
            self.assertEqual(rknn.build(do_quantization=False), 0)
            self.assertEqual(rknn.init_runtime(), 0)
            # Building again takes the runtime away: it was made of the model before.
            self.assertEqual(rknn.build(do_quantization=False), 0)
            self.assert_fails(rknn, lambda: rknn.inference([picture()]), None, 'E0005',
                              'init_runtime()')
            self.assertEqual(rknn.export_rknn('a.rknn'), 0)
            self.assertEqual(rknn.load_rknn('a.rknn'), 0)
            self.assert_fails(rknn, lambda: rknn.build(), -1, 'E0005', 'built already',
                              'call init_runtime() next')
            self.assertEqual(rknn.init_runtime('simulator'), 0)
            with support.capture():
                self.assertEqual(rknn.load_rknn('absent.rknn'), -1)
            self.assert_fails(rknn, lambda: rknn.init_runtime(), -1, 'E0005', 'no model is loaded')

    def test_dataset_is_missing(self):
        with loaded() as rknn:
            self.assert_fails(rknn, lambda: rknn.build(), -1, 'E0401', 'dataset.txt')
            self.assert_fails(rknn, lambda: rknn.build(dataset=None), -1, 'E0404', 'dataset')
            self.assert_fails(rknn, lambda: rknn.build(dataset=7), -1, 'E0004', 'build(dataset=')
            pathlib.Path('empty.txt').write_text('')
            self.assert_fails(rknn, lambda: rknn.build(dataset='empty.txt'), -1, 'E0403',
                              'empty.txt')
            pathlib.Path('wrong.txt').write_text('absent.jpg\n')
            self.assert_fails(rknn, lambda: rknn.build(dataset='wrong.txt'), -1, 'E0402',
                              'absent.jpg')

    def test_mean_for_another_number_of_channels(self):
        with RKNN() as rknn, support.capture():
            rknn.config(mean_values=[[0, 0]], std_values=[[1, 1]])
            returned = [rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE])]
            if returned == [0]:
                returned = [rknn.build(do_quantization=False)]
        self.assertEqual(returned, [-1])

    def test_quantized_model_runs(self):
        dataset = write_dataset(self.folder, 4)
        with loaded() as rknn:
            self.assertEqual(rknn.build(do_quantization=True, dataset=dataset), 0, rknn.last_error)
            self.assertEqual(rknn.export_rknn('eyes.rknn'), 0)
            self.assertEqual(rknn.init_runtime(), 0)
            outputs = rknn.inference([picture()])
        with RKNN() as rknn:
            self.assertEqual(rknn.load_rknn('eyes.rknn'), 0)
            self.assertEqual(rknn.init_runtime(), 0)
            again = rknn.inference([picture()])
        self.assertEqual([output.shape for output in outputs], SHAPES)
        for output, other in zip(outputs, again):
            self.assertEqual(output.dtype, np.float32)
            # Boxes, objectness and classes are of 8 bits, and joined in 16.
            self.assertLessEqual(len(np.unique(output)), 3 * 256)
            np.testing.assert_array_equal(output, other)

    def test_interrupt(self):
        dataset = write_dataset(self.folder, 120, times=500)
        with loaded() as rknn:
            timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            with self.assertRaises(KeyboardInterrupt):
                rknn.build(do_quantization=True, dataset=str(dataset))
            timer.join()
            self.assertEqual(rknn.build(do_quantization=False), 0)

    def test_signal_handler_that_calls_back(self):
        dataset = write_dataset(self.folder, 40)
        seen = []
        with loaded() as rknn, support.capture():
            self.addCleanup(signal.signal, signal.SIGALRM, signal.SIG_DFL)
            signal.signal(signal.SIGALRM, lambda *_: seen.append(rknn.init_runtime()))
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            self.assertEqual(rknn.build(do_quantization=True, dataset=dataset), 0)
        self.assertEqual(seen, [-1])


@support.needs_eyes
class Progress(unittest.TestCase):
    SCRIPT = '''
import sys
from rknn.api import RKNN
rknn = RKNN()
rknn.config()
assert rknn.load_pytorch(sys.argv[1], [[3, 416, 416]]) == 0
assert rknn.build(do_quantization=True, dataset=sys.argv[2]) == 0
'''

    def stderr_of(self, descriptor, read):
        with tempfile.TemporaryDirectory() as folder:
            dataset = write_dataset(folder, 8)
            process = subprocess.Popen(
                [sys.executable, '-c', self.SCRIPT, str(support.EYES_MODEL), str(dataset)],
                stderr=descriptor)
            os.close(descriptor)
            chunks = []
            while True:
                try:
                    chunk = os.read(read, 4096)
                except OSError:  # a pseudo-terminal's end
                    break
                if not chunk:
                    break
                chunks.append(chunk)
            os.close(read)
            self.assertEqual(process.wait(), 0)
        return b''.join(chunks).decode()

    def test_bar_on_a_terminal(self):
        ours, theirs = pty.openpty()
        text = self.stderr_of(theirs, ours)
        self.assertRegex(text, r'\r[^\r\n]+ \[#*-*\] +\d+% \d+/\d+, \d+ s left')
        self.assertTrue(text.endswith('\r'), 'the bar is gone at the end')

    def test_no_bar_elsewhere(self):
        read, write = os.pipe()
        self.assertNotIn('\r', self.stderr_of(write, read))


if __name__ == '__main__':
    support.main()
