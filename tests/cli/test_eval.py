# SPDX-License-Identifier: Apache-2.0
"""`ork eval` and `ork calib` from outside.

usage: test_eval.py ORK EXAMPLES"""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest
import zlib

from test_cli import EYES, ORK, Base, interrupt, png

TRUTH = EYES / 'test.json'
PREPROCESS = ('--input-size', '3x416x416', '--mean', '123.675 116.28 103.53', '--std', '58.395 57.12 57.375',
              '--reorder', '2 1 0')
DETECT = ('--letterbox', 'center', '--bgr', '--agnostic', '--nms', '0.3')
FIGURES = ['AP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large',
           'AR_1', 'AR_10', 'AR_100', 'AR_small', 'AR_medium', 'AR_large']

# A class for each colour: the mean of its channel.
COLOURS = """graph "colours" imported {
  input %0 "x" f32[1x3x8x8]
  %1 "mean" f32[1x3] = reduce_mean(%0) axes [2 3]
  output %1
}
"""
# The same with red and green exchanged.
EXCHANGED = COLOURS.replace('f32[1x3x8x8]\n', 'f32[1x3x8x8] mean [0 0 0] std [1 1 1] reorder [1 0 2]\n')


def flat_png(path, colour, width=20, height=10, middle=None):
    """A picture of one colour, its middle third of another."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    row = b'\0' + b''.join(bytes(middle if middle and width // 3 <= x < width - width // 3 else colour)
                           for x in range(width))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
                     chunk(b'IDAT', zlib.compress(row * height)) + chunk(b'IEND', b''))


class Boxes(Base):
    @classmethod
    def setUpClass(cls):
        cls.models = pathlib.Path(tempfile.mkdtemp(prefix='ork-eval-'))
        cls.addClassCleanup(shutil.rmtree, cls.models)
        cls.float, cls.u8 = cls.models / 'float.rknn', cls.models / 'u8.rknn'
        few = cls.models / 'few.txt'
        few.write_text(''.join('%s\n' % path for path in sorted((EYES / 'calibration').iterdir())[:3]))
        for path, options in ((cls.float, ()), (cls.u8, ('--quantize', 'u8', '--vendor-exact', '--dataset', few))):
            subprocess.run([ORK, 'convert', EYES / 'eyes.pt', '-o', path, '-q', *PREPROCESS, *options], check=True)

    def evaluate(self, *arguments):
        return json.loads(self.good('eval', *arguments, '-a', TRUTH, *DETECT, '--json').stdout)

    def test_two_models(self):
        detections = self.folder / 'boxes.json'
        document = self.evaluate(self.float, self.u8, '--limit', '4', '--classes', '--halves', '6',
                                 '--detections', detections)
        self.assertEqual(document['pictures'], 4)
        first, second = document['models']
        self.assertEqual((first['model'], second['model']), (str(self.float), str(self.u8)))
        for model in document['models']:
            self.assertEqual(list(model['figures']), FIGURES)
            self.assertEqual([c['name'] for c in model['classes']], ['iris', 'pupil', 'shut-eye'])
            self.assertEqual(model['halves']['count'], 6)
            with_objects = [c['figures']['AP'] for c in model['classes'] if c['figures']['AP'] is not None]
            self.assertAlmostEqual(sum(with_objects) / len(with_objects), model['figures']['AP'], 6)
            self.assertGreater(model['halves']['figures']['AP']['deviation'], 0)
        self.assertGreater(first['figures']['AP50'], 0.9)
        self.assertNotIn('boxes', first)
        self.assertGreater(second['boxes']['kept'], 0)
        self.assertIn('AP', second['halves']['difference'])
        for path in (detections, self.folder / 'boxes-2.json'):
            boxes = json.loads(path.read_text())
            self.assertEqual({box['image_id'] for box in boxes}, {1, 2, 3, 4})
            self.assertEqual({tuple(box) for box in boxes}, {('image_id', 'category_id', 'bbox', 'score')})
            self.assertLessEqual({box['category_id'] for box in boxes}, {1, 2, 3})
            self.assertGreaterEqual(min(box['score'] for box in boxes), 0.01)

    def test_shares_of_the_pictures_merge_exactly(self):
        whole = self.evaluate(self.u8, '--limit', 7, '-d', self.folder / 'whole.json')['models'][0]['figures']
        for i in (1, 2, 3):
            self.evaluate(self.u8, '--limit', 7, '--shard', f'{i}/3', '-d', self.folder / f'{i}.json')
        for order in ((1, 2, 3), (3, 1, 2)):
            merged = self.evaluate(','.join(str(self.folder / f'{i}.json') for i in order), '--limit', 7)
            self.assertEqual(merged['models'][0]['figures'], whole)
        self.fails(2, 'E0004', 'eval', self.u8, '-a', TRUTH, '--shard', '4/3')

    def test_a_network_in_floats_and_its_file(self):
        """The traced network and the file that was made of it without quantization are the same."""
        document = self.evaluate(EYES / 'eyes.pt', self.float, '--limit', '2', *PREPROCESS)
        first, second = document['models']
        for name in FIGURES:
            if first['figures'][name] is not None:
                self.assertAlmostEqual(first['figures'][name], second['figures'][name], 2)
        self.assertEqual((second['boxes']['lost'], second['boxes']['new']), (0, 0))

    def test_text(self):
        text = self.good('eval', self.float, self.float, self.u8, '-a', TRUTH, *DETECT, '--limit', '2',
                         '--halves', '2', '--classes').stdout
        self.assertRegex(text, r'^2 pictures, \d+ objects, 3 classes; figures in percent\n')
        self.assertRegex(text, r'(?m)^ +float\.rknn +float\.rknn \(2\) +u8\.rknn$')
        self.assertRegex(text, r'(?m)^AP +\d+\.\d\d +\d+\.\d\d  \+0\.00 +\d+\.\d\d  [+-]\d+\.\d\d$')
        self.assertRegex(text, r'(?m)^AP +\d+\.\d\d ±\d+\.\d\d +\+0\.00 ±0\.00 +[+-]\d+\.\d\d ±\d+\.\d\d$')
        self.assertRegex(text, r'(?m)^float\.rknn \(2\): \d+ kept, 0 lost, 0 new; scores of the kept \+0\.000$')
        self.assertRegex(text, r'(?m)^u8.rknn: \d+ kept, \d+ lost, \d+ new; scores of the kept [+-]0\.\d\d\d$')

    def test_threads_and_seeds(self):
        one = self.evaluate(self.u8, '--limit', '3', '--threads', '1', '--halves', '3')
        two = self.evaluate(self.u8, '--limit', '3', '--threads', '2', '--halves', '3')
        self.assertEqual(one, two)
        other = self.evaluate(self.u8, '--limit', '3', '--halves', '3', '--seed', '9')
        self.assertEqual(one['models'][0]['figures'], other['models'][0]['figures'])
        self.assertNotEqual(one['models'][0]['halves'], other['models'][0]['halves'])

    def test_labels_bring_classes_to_their_categories(self):
        """Categories in another order, and one less."""
        truth = json.loads(TRUTH.read_text())
        expected = self.evaluate(self.float, '--limit', '3', '--classes')['models'][0]['classes']
        truth['categories'] = truth['categories'][::-1][:2]
        path = self.folder / 'other.json'
        path.write_text(json.dumps(truth))
        arguments = ('eval', self.float, '-a', path, '-i', EYES / 'test', *DETECT, '--limit', '3')
        error = self.fails(2, 'E0905', *arguments).stderr
        self.assertIn('the model has 3 classes, the annotations have 2 categories', error)
        result = self.good(*arguments, '--labels', EYES / 'labels.txt', '--classes', '--json')
        found = json.loads(result.stdout)['models'][0]['classes']
        self.assertEqual([c['figures'] for c in found], [c['figures'] for c in expected[::-1][:2]])
        self.assertIn('annotations of pictures or categories that are not listed', result.stderr)
        wrong = self.folder / 'labels.txt'
        wrong.write_text('a\nb\nc\n')
        self.assertIn("the first label is 'a', the first category 'shut-eye'",
                      self.fails(2, 'E0905', *arguments, '--labels', wrong).stderr)

    def test_what_cannot_be_measured(self):
        self.fails(2, 'E0004', 'eval', self.float)
        self.fails(2, 'E0004', 'eval', self.float, '-a', TRUTH, '--labelled', self.folder)
        self.fails(2, 'E0004', 'eval', self.float, '--labelled', self.folder, '--halves', '3')
        self.fails(8, 'E0101', 'eval', self.float, '-a', self.folder / 'absent.json')
        self.fails(8, 'E0101', 'eval', self.float, '-a', TRUTH, '-l', self.folder / 'absent')
        self.fails(8, 'E0102', 'eval', self.float, '-a', TRUTH, '-d', self.folder / 'absent' / 'x')
        self.fails(8, 'E0101', 'eval', self.float, '-a', TRUTH, '-i', self.folder)
        path = self.folder / 'x.json'
        path.write_text('{"images":[]}')
        self.assertIn('"categories"', self.fails(5, 'E0904', 'eval', self.float, '-a', path).stderr)
        path.write_text('{"images":[')
        self.assertIn('line 1', self.fails(3, 'E0106', 'eval', self.float, '-a', path).stderr)
        path.write_text(json.dumps(dict(json.loads(TRUTH.read_text()), images=[], annotations=[])))
        self.fails(5, 'E0403', 'eval', self.float, '-a', path)

    def test_interrupt(self):
        truth = json.loads(TRUTH.read_text())
        names = [image['file_name'] for image in truth['images']]
        truth['images'] = [dict(truth['images'][0], id=i, file_name=names[i % len(names)]) for i in range(20000)]
        many = self.models / 'many.json'
        many.write_text(json.dumps(truth))
        ended = interrupt([ORK, 'eval', self.float, '-a', many, '-i', EYES / 'test', '-d', self.folder / 'boxes.json'],
                          signal.SIGINT)
        self.assertEqual(ended.returncode, 130, ended.stderr)
        self.assertIn('E0002', ended.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])


COCO = pathlib.Path(__file__).resolve().parents[1] / 'data' / 'coco'


class Results(Base):
    """Boxes from files: those of tests/data/coco, whose figures pycocotools has computed."""

    def test_figures_are_those_of_pycocotools(self):
        expected = json.loads((COCO / 'expected.json').read_text())
        again = self.folder / 'again.json'
        document = json.loads(self.good('eval', COCO / 'found.json', '-a', COCO / 'truth.json', '--classes',
                                        '--detections', again, '--json').stdout)
        measured = document['models'][0]
        self.assertNotIn('head', measured)
        for mine, theirs in ([(measured, expected['all'])] +
                             list(zip(measured['classes'], expected['categories']))):
            for name, value in zip(FIGURES, theirs):
                figure = mine['figures'][name]
                self.assertAlmostEqual(-1 if figure is None else figure, value, 8, name)
        text = self.good('eval', COCO / 'found.json', again, '-a', COCO / 'truth.json').stdout
        self.assertRegex(text, r'(?m)^AP +25\.75 +25\.75  \+0\.00$')
        self.assertRegex(text, r'(?m)^again.json: \d+ kept, 0 lost, 0 new; scores of the kept \+0\.000$')

    def test_pictures_that_a_file_does_not_name_have_no_boxes(self):
        path = self.folder / 'x.json'
        path.write_text('[]')
        document = json.loads(self.good('eval', COCO / 'found.json', path, '-a', COCO / 'truth.json',
                                        '--limit', '12', '--json').stdout)
        first, second = document['models']
        self.assertEqual((document['pictures'], second['figures']['AP']), (12, 0))
        self.assertEqual((second['boxes']['kept'], second['boxes']['new']), (0, 0))
        self.assertGreater(second['boxes']['lost'], 10)
        self.assertGreater(first['figures']['AP'], 0.1)

    def test_what_is_no_results(self):
        path = self.folder / 'x.json'
        for text, part in (('{}', 'no results'), ('[{"image_id":5,"category_id":3,"bbox":[1,2,3,4],"score":1}]',
                                                  'image 5, which has no annotations')):
            path.write_text(text)
            error = self.fails(5, 'E0904', 'eval', path, '-a', COCO / 'truth.json').stderr
            self.assertIn(part, error)
            self.assertIn(str(path), error)


class Classes(Base):
    def setUp(self):
        super().setUp()
        self.net, self.other = self.folder / 'net.txt', self.folder / 'other.txt'
        self.net.write_text(COLOURS)
        self.other.write_text(EXCHANGED)
        self.data = self.folder / 'data'
        for folder in ('a', 'b', 'c'):
            (self.data / folder).mkdir(parents=True)
        flat_png(self.data / 'a' / '1.png', (200, 10, 10))
        flat_png(self.data / 'a' / '2.png', (10, 200, 10))  # not what the network says
        flat_png(self.data / 'b' / '1.png', (10, 200, 20))
        flat_png(self.data / 'c' / '1.png', (0, 10, 200))
        (self.data / 'c' / 'notes.txt').write_text('no picture')

    def evaluate(self, *arguments):
        return json.loads(self.good('eval', *arguments, '--json').stdout)

    def test_folders(self):
        document = self.evaluate(self.net, self.other, '--labelled', self.data, '--classes')
        first, second = document['models']
        self.assertEqual(document['pictures'], 4)
        self.assertEqual((first['top-1'], first['top-5']), (0.75, 1))
        self.assertEqual([c['top-1'] for c in first['classes']], [0.5, 1, 1])
        self.assertEqual((second['top-1'], second['right_only'], second['wrong_only']), (0.5, 1, 2))
        text = self.good('eval', self.net, self.other, '--labelled', self.data, '--classes').stdout
        self.assertIn('4 pictures; figures in percent, with a standard error of 21.65', text)
        self.assertRegex(text, r'(?m)^top-1 +75\.00 +50\.00  -25\.00$')
        self.assertRegex(text, r'(?m)^class 0 +50\.00 ')
        self.assertIn('other.txt: right where net.txt is wrong 1, wrong where it is right 2', text)

    def test_labels_name_folders(self):
        labels = self.folder / 'labels.txt'
        labels.write_text('c\nb\na\n')
        found = self.evaluate(self.net, '--labelled', self.data, '--labels', labels, '--classes')['models'][0]
        self.assertEqual(found['top-1'], 0.25)
        self.assertEqual([c['name'] for c in found['classes']], ['c', 'b', 'a'])
        labels.write_text('cc\nb\na\n')
        self.assertIn("'c' is no class", self.fails(2, 'E0905', 'eval', self.net, '--labelled', self.data,
                                                    '--labels', labels).stderr)

    def test_numbered_folders(self):
        for name, number in (('a', '0'), ('b', '1'), ('c', '10')):
            (self.data / name).rename(self.data / number)
        self.assertIn('of class 10', self.fails(2, 'E0905', 'eval', self.net, '--labelled', self.data).stderr)
        (self.data / '10').rename(self.data / '2')
        self.assertEqual(self.evaluate(self.net, '--labelled', self.data)['models'][0]['top-1'], 0.75)

    def test_list(self):
        path = self.folder / 'list.txt'
        path.write_text('data/a/1.png 0\n"data/a/2.png" 1  # green\ndata/b/1.png blue\n')
        labels = self.folder / 'labels.txt'
        labels.write_text('red\ngreen\nblue\n')
        arguments = (self.net, '--labelled', path, '--labels', labels)
        self.assertAlmostEqual(self.evaluate(*arguments)['models'][0]['top-1'], 2 / 3)
        self.assertEqual(self.evaluate(*arguments, '--limit', '2')['models'][0]['top-1'], 1)
        path.write_text('data/a/1.png 0\ndata/a/1.png grean\n')
        self.assertIn("did you mean 'green'", self.fails(2, 'E0905', 'eval', *arguments).stderr)
        for text, error in (('data/a/1.png\n', 'has 1 words'), ('data/x.png 0\n', 'does not exist'),
                            ('"data/x.png 0\n', 'not closed')):
            path.write_text(text)
            message = self.fails(5, 'E0402', 'eval', *arguments).stderr
            self.assertIn(error, message)
            self.assertIn(f'{path}:1', message)
        path.write_text('# nothing\n')
        self.fails(5, 'E0403', 'eval', *arguments)
        self.fails(5, 'E0401', 'eval', self.net, '--labelled', self.folder / 'absent')

    def test_offset_bgr_and_crop(self):
        self.assertEqual(self.evaluate(self.net, '--labelled', self.data, '--bgr')['models'][0]['top-1'], 0.25)
        path = self.folder / 'list.txt'
        path.write_text('data/b/1.png 0\n')
        self.assertEqual(self.evaluate(self.net, '--labelled', path, '--offset', '1')['models'][0]['top-1'], 1)
        flat_png(self.folder / 'wide.png', (100, 0, 0), 60, 20, middle=(0, 0, 150))
        path.write_text('wide.png 0\n')
        self.assertEqual(self.evaluate(self.net, '--labelled', path)['models'][0]['top-1'], 1)
        path.write_text('wide.png 2\n')
        self.assertEqual(self.evaluate(self.net, '--labelled', path, '--crop', '1')['models'][0]['top-1'], 1)


class Calibration(Base):
    def setUp(self):
        super().setUp()
        self.pictures = self.folder / 'pictures'
        self.pictures.mkdir()
        for i in range(6):
            png(self.pictures / f'{i}.png', 40 + 10 * i, 30)
        flat_png(self.pictures / 'blank.png', (9, 9, 9))
        flat_png(self.pictures / 'one two.png', (250, 0, 0), middle=(0, 0, 255))
        (self.pictures / 'broken.jpg').write_bytes(b'\xff\xd8\xff\xe0 nothing more')
        (self.pictures / 'notes.txt').write_text('no picture')

    def test_inspect(self):
        document = json.loads(self.good('calib', 'inspect', self.pictures, '--json').stdout)
        self.assertEqual({key: document[key] for key in ('files', 'broken', 'near_duplicates', 'blank', 'dark', 'gray')},
                         {'files': 9, 'broken': 1, 'near_duplicates': 5, 'blank': 1, 'dark': 0, 'gray': 1})
        by_name = {os.path.basename(p['file']): p for p in document['pictures']}
        self.assertEqual(by_name['3.png']['looks_like'], str(self.pictures / '0.png'))
        self.assertEqual((by_name['3.png']['width'], by_name['3.png']['height']), (70, 30))
        self.assertIn('problem', by_name['broken.jpg'])
        text = self.good('calib', 'inspect', self.pictures).stdout
        self.assertIn('9 files, 8 PNG\n  sizes: 20 to 90 pixels wide, 10 to 30 high\n', text)
        self.assertIn('\nAdvice\n  Different pictures: 2. Take at least 20, better 100', text)

    def test_sample(self):
        path = self.folder / 'list.txt'
        text = self.good('calib', 'sample', self.pictures, '--count', '9', '-o', path)
        self.assertEqual(sorted(path.read_text().splitlines()), ['"pictures/one two.png"', 'pictures/0.png'])
        self.assertIn('2 of 9 pictures chosen', text.stdout)
        self.assertIn('there are only 2 different pictures', text.stderr)
        before = path.read_text()
        document = json.loads(self.good('calib', 'sample', self.pictures, '--count', '1', '-o', path, '--json').stdout)
        self.assertEqual(len(document['chosen']), 1)
        self.good('calib', 'sample', self.pictures, '--count', '9', '-o', path)
        self.assertEqual(path.read_text(), before)
        self.assertIn('2 files', self.good('calib', 'inspect', path).stdout)
        other = self.folder / 'elsewhere'
        other.mkdir()
        self.good('calib', 'sample', self.pictures, '-o', other / 'list.txt', '-q')
        self.assertIn(str(self.pictures.resolve() / '0.png'), (other / 'list.txt').read_text())

    def test_what_cannot_be(self):
        self.fails(2, 'E0004', 'calib', 'look', self.pictures)
        self.fails(2, 'E0004', 'calib', 'inspect')
        self.fails(2, 'E0004', 'calib', 'sample', self.pictures)
        self.fails(8, 'E0102', 'calib', 'sample', self.pictures, '-o', self.folder / 'absent' / 'x')
        self.fails(5, 'E0401', 'calib', 'inspect', self.folder / 'absent')
        self.fails(5, 'E0403', 'calib', 'sample', self.pictures / 'broken.jpg', '-o', self.folder / 'x')
        self.assertFalse((self.folder / 'x').exists())
        shutil.copy(self.pictures / '0.png', self.pictures / 'a\nb.png')
        for i in range(6):
            (self.pictures / f'{i}.png').unlink()
        self.fails(5, 'E0402', 'calib', 'sample', self.pictures, '-o', self.folder / 'x')
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ['pictures'])


if __name__ == '__main__':
    unittest.main(argv=['test_eval.py', '-v'])
