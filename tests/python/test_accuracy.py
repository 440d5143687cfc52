# SPDX-License-Identifier: Apache-2.0
"""accuracy_analysis as scripts use it, and evaluate, with the sample model of examples/eyes."""
import html.parser
import json
import os
import pathlib
import re
import subprocess
import unittest
import xml.etree.ElementTree

import numpy as np

import support
from rknn.api import RKNN

MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]


def built(quantize=True, vendor_exact=True, **config):
    """vendor_exact takes no time."""
    rknn = RKNN()
    rknn.config(mean_values=[MEAN], std_values=[STD], reorder_channel='2 1 0',
                target_platform='rk1808', vendor_exact=vendor_exact, **config)
    assert rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]) == 0, rknn.last_error
    files = sorted((support.EYES / 'calibration').iterdir())[:6]
    pathlib.Path('dataset.txt').write_text(''.join('%s\n' % file for file in files))
    random = np.random.default_rng(4)
    grey = random.integers(0, 255, (26, 26, 1)).repeat(16, 0).repeat(16, 1)
    np.save('one.npy', (grey * [1.0, 0.9, 0.8]).astype(np.uint8))
    pathlib.Path('one.txt').write_text('one.npy\n')
    assert rknn.build(do_quantization=quantize, dataset='dataset.txt') == 0, rknn.last_error
    return rknn


def read_list(path):
    """As scripts for RKNN-Toolkit read it."""
    rows = {}
    for line in path.read_text().splitlines():
        name, dtype, *figures = [field.strip() for field in line.split('\t')]
        rows[name] = (dtype, {key: float(value) for key, value in
                              (figure.split('=') for figure in figures)})
    return rows


def cosine(a, b):
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    return a @ b / np.sqrt((a @ a) * (b @ b))


class Page(html.parser.HTMLParser):
    """Tags that are closed, and what the page would fetch."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.rows = [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in ('meta', 'input', 'line'):
            self.open.append(tag)
        self.rows += tag == 'tr' and dict(attributes).get('id', '').startswith('layer')
        self.fetched += [value for key, value in attributes
                         if key in ('src', 'href') and not value.startswith('#')]

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


@support.needs_eyes
class Analysis(support.InEmptyFolder):
    def test_files_of_the_vendors_toolkit(self):
        rknn = built(vendor_exact=False)
        self.assertEqual(rknn.accuracy_analysis(inputs='one.txt', dump_file_type='npy'), 0)
        snapshot = pathlib.Path('snapshot')
        entire = read_list(snapshot / 'entire_qnt_error_analysis.txt')
        alone = read_list(snapshot / 'individual_qnt_error_analysis.txt')
        order = (snapshot / 'fp32/order.txt').read_text().split()
        self.assertEqual(list(entire), order)
        self.assertEqual(list(alone), order)
        for name in order:
            self.assertRegex(name, r'^[\w.-]+_out0_nhwc(_\d+)+\.npy$')
        # The first line has the columns of the vendor's toolkit.
        first = (snapshot / 'entire_qnt_error_analysis.txt').read_text().splitlines()[0]
        self.assertRegex(first, r'^\S+ *\tu8\teculidean_norm=\d\.\d{6}\tcosine_norm=\d\.\d{6}$')
        self.compare_dumps(snapshot, 'entire_qnt', entire)
        self.compare_dumps(snapshot, 'individual_qnt', alone)
        self.check_outputs(rknn, snapshot, order)
        self.check_report(snapshot, order)

    def compare_dumps(self, snapshot, folder, rows):
        for name, (dtype, figures) in rows.items():
            self.assertIn(dtype, ('u8', 'i16', 'fp32'))
            reference = np.load(snapshot / 'fp32' / name)
            other = np.load(snapshot / folder / name)
            self.assertEqual(reference.shape, other.shape)
            self.assertEqual('_'.join(map(str, other.shape)) + '.npy',
                             re.search(r'nhwc_(.*)$', name).group(1))
            found = cosine(reference, other)
            self.assertAlmostEqual(figures['cosine_norm'], found, delta=2e-6, msg=name)
            self.assertAlmostEqual(figures['eculidean_norm'], np.sqrt(2 * (1 - min(found, 1))),
                                   delta=2e-4, msg=name)

    def check_outputs(self, rknn, snapshot, order):
        """What was dumped is what the networks answer."""
        picture = np.load('one.npy')
        self.assertEqual(rknn.init_runtime(), 0)
        for folder, network in (('entire_qnt', rknn), ('fp32', self.running_floats())):
            answers = network.inference([picture])
            dumps = [np.load(snapshot / folder / name) for name in order]
            for answer in answers:
                wanted = answer.transpose(0, 2, 3, 1)
                nearest = min(np.abs(dump - wanted).max() for dump in dumps
                              if dump.shape == wanted.shape)
                self.assertLess(nearest, 1e-6 if folder == 'entire_qnt' else 1e-3)

    def running_floats(self):
        rknn = built(quantize=False)
        self.assertEqual(rknn.init_runtime(), 0)
        return rknn

    def check_report(self, snapshot, order):
        report = json.loads((snapshot / 'error_analysis.json').read_text())
        self.assertEqual(report['schema_version'], 1)
        self.assertEqual([layer['file'] + '.npy' for layer in report['layers']], order)
        self.assertGreater(report['error'], 0)
        self.assertLess(report['error'], 1)
        self.assertTrue(report['verdict'].startswith('The quantized network'))
        for layer in report['layers']:
            self.assertEqual(sum(layer['float_bins']), sum(layer['quantized_bins']))
            self.assertEqual(sum(layer['float_bins']),
                             np.prod([int(n) for n in layer['shape'].split('x')]))
            self.assertGreaterEqual(layer['damage'], 0)
        self.assertTrue(any(layer['groups'] > 1 for layer in report['layers']))
        text = (snapshot / 'error_analysis.html').read_text()
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertEqual(page.fetched, [])
        self.assertEqual(page.rows, len(order))
        self.assertNotIn('http://', text.replace('http://www.w3.org/2000/svg', ''))
        self.assertNotIn('https://', text)

    def test_tensors_are_text(self):
        rknn = built()
        self.assertEqual(rknn.accuracy_analysis('one.txt', 'there/it/is'), 0)
        folder = pathlib.Path('there/it/is')
        for name, (_, figures) in read_list(folder / 'entire_qnt_error_analysis.txt').items():
            self.assertTrue(name.endswith('.tensor'))
            reference = np.loadtxt(folder / 'fp32' / name)
            self.assertEqual(reference.ndim, 1)
            if reference.size < 20000:
                other = np.loadtxt(folder / 'entire_qnt' / name)
                self.assertAlmostEqual(figures['cosine_norm'], cosine(reference, other), delta=2e-6)

    def test_float_numbers_alone(self):
        rknn = built()
        self.assertEqual(rknn.accuracy_analysis('one.txt', calc_qnt_error=False,
                                                dump_file_type='npy'), 0)
        self.assertEqual(os.listdir('snapshot'), ['fp32'])
        order = pathlib.Path('snapshot/fp32/order.txt').read_text().split()
        self.assertEqual(sorted(os.listdir('snapshot/fp32')), sorted(order + ['order.txt']))

    def test_environment(self):
        rknn = built()
        try:
            os.environ['RKNN_DRAW_DATA_DISTRIBUTE'] = '1'
            self.assertEqual(rknn.accuracy_analysis('one.txt', dump_file_type='npy'), 0)
        finally:
            del os.environ['RKNN_DRAW_DATA_DISTRIBUTE']
        order = pathlib.Path('snapshot/fp32/order.txt').read_text().split()
        pictures = set(os.listdir('dump_data_distribute'))
        layers = {name.replace('.npy', '.svg') for name in order}
        weights = {name.replace('.npy', '_weight.svg') for name in order if name.startswith('conv2d')}
        self.assertEqual(pictures, layers | weights)
        for name in pictures:
            root = xml.etree.ElementTree.parse('dump_data_distribute/' + name).getroot()
            self.assertTrue(root.tag.endswith('svg'))
        plain = self.answers(rknn)
        try:
            os.environ['NN_LAYER_DUMP'] = '1'
            dumped = self.answers(rknn)
        finally:
            del os.environ['NN_LAYER_DUMP']
        for a, b in zip(plain, dumped):
            self.assertTrue(np.array_equal(a, b))
        files = sorted(os.listdir('network_dump'))
        self.assertTrue(all(re.fullmatch(r'0_[\w.-]+_out0_nhwc(_\d+)+\.tensor', name)
                            for name in files))
        for answer in dumped:
            size = '_nhwc_%d_%d_%d_%d.' % tuple(answer.shape[i] for i in (0, 2, 3, 1))
            wanted = answer.transpose(0, 2, 3, 1).ravel()
            nearest = min(np.abs(np.loadtxt('network_dump/' + name) - wanted).max()
                          for name in files if size in name)
            self.assertLess(nearest, 1e-6)

    def answers(self, rknn):
        self.assertEqual(rknn.init_runtime(), 0)
        return rknn.inference([np.full((416, 416, 3), 77, np.uint8)])

    def test_failures(self):
        rknn = RKNN()
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('one.txt'), -1, 'E0005', 'build')
        rknn = built(quantize=False)
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('one.txt'), -1, 'E0005',
                          'not quantized')
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('one.txt', target='rk1808'), -1,
                          'E0003', 'on a board')
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis(['a.jpg']), -1, 'E0004', 'list')
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('one.txt', dump_file_type='raw'), -1,
                          'E0004', 'npy')
        rknn = built()
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('missing.txt'), -1, 'E0401')
        pathlib.Path('file').write_text('in the way')
        self.assert_fails(rknn, lambda: rknn.accuracy_analysis('one.txt', 'file/below'), -1,
                          'E0102', 'file')


@support.needs_eyes
class Evaluate(support.InEmptyFolder):
    def test_boxes(self):
        rknn = built()
        self.assertEqual(rknn.export_rknn('built.rknn'), 0)
        result = rknn.evaluate(annotations=str(support.EYES / 'test.json'), limit=8,
                               letterbox='center', bgr=True, agnostic=True, nms=0.3)
        self.assertIsNotNone(result, rknn.last_error)
        self.assertEqual(result['pictures'], 8)
        self.assertEqual(set(result), {'pictures', 'float', 'built'})
        built_figures = result['built']
        self.assertGreater(result['float']['AP50'], 0.9)
        self.assertGreater(built_figures['kept'], 10)
        self.assertLess(built_figures['lost'] + built_figures['new'], built_figures['kept'])
        printed = subprocess.run(
            [os.environ['ORK_PROGRAM'], 'eval', 'built.rknn', '-a', str(support.EYES / 'test.json'),
             '--limit', '8', '--letterbox', 'center', '--bgr', '--agnostic', '--nms', '0.3',
             '--json'], capture_output=True, text=True, check=True).stdout
        model = json.loads(printed)['models'][0]
        for key in ('AP', 'AP50', 'AP75'):
            figures = model.get('figures', model)
            wanted = figures[key if key in figures else key.lower()]
            self.assertAlmostEqual(built_figures[key], wanted, places=9)

    def test_a_model_as_it_was_built(self):
        built().export_rknn('built.rknn')
        rknn = RKNN()
        self.assertEqual(rknn.load_rknn('built.rknn'), 0)
        result = rknn.evaluate(annotations=str(support.EYES / 'test.json'), limit=2,
                               letterbox='center', bgr=True)
        self.assertEqual(set(result), {'pictures', 'built'})
        self.assertNotIn('kept', result['built'])

    def test_failures(self):
        rknn = RKNN()
        self.assert_fails(rknn, lambda: rknn.evaluate('a.json'), None, 'E0005', 'built')
        rknn = built(quantize=False)
        self.assert_fails(rknn, lambda: rknn.evaluate(), None, 'E0004', 'annotations')
        self.assert_fails(rknn, lambda: rknn.evaluate('missing.json'), None, 'E0101')
        self.assert_fails(rknn, lambda: rknn.evaluate('a.json', letterbox='wide'), None, 'E0004')


if __name__ == '__main__':
    unittest.main()
