# SPDX-License-Identifier: Apache-2.0
"""The two scripts that the toolkit must run unchanged, where they are at hand: only the folder that
they name is another. What they find is compared with what `ork detect` finds."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

import numpy as np

import support

SEED = pathlib.Path(os.environ.get('ORK_SHARED', '/nowhere')) / 'seed'
FOLDER = '/home/liu/RKNN/model'
LABELS = ['iris', 'pipul', 'shut-eye']  # as the script spells them
PICTURES = ['00000.jpg', '00005.jpg', '00013.jpg', '00021.jpg', '00008.jpg', '00011.jpg']

# Stands for the screen, and keeps what was drawn on it.
WITHOUT_SCREEN = '''
import cv2, json, runpy, sys
put_text, texts = cv2.putText, []
def note_text(image, text, place, *more):
    texts.append([text, *map(int, place)])
    return put_text(image, text, place, *more)
def show(title, picture):
    cv2.imwrite('shown.png', picture)
    json.dump(texts, open('texts.json', 'w'))
cv2.putText, cv2.imshow = note_text, show
cv2.waitKeyEx = cv2.waitKey = lambda delay=0: -1
runpy.run_path(sys.argv[1], run_name='__main__')
'''


def has_cv2():
    done = subprocess.run([sys.executable, '-c', 'import cv2'], capture_output=True)
    return done.returncode == 0


def numbers_after(word, text):
    """The numbers of the array that the script printed behind the word."""
    printed = re.search(r'%s: (None|\[[^a-df-z:]*\])' % word, text)
    return [float(number) for number in re.findall(r'-?[\d.]+(?:e-?\d+)?', printed.group(1))]


@support.needs_eyes
@unittest.skipUnless(SEED.exists(), 'the scripts are not here')
@unittest.skipUnless(has_cv2(), 'the scripts need cv2')
class Scripts(support.InEmptyFolder):
    def setUp(self):
        super().setUp()
        (self.folder / 'JPEGImages').mkdir()
        shutil.copy(support.EYES_MODEL, self.folder / 'myself_nano.pt')
        self.use_picture(PICTURES[0])
        (self.folder / 'labels.txt').write_text('\n'.join(LABELS) + '\n')
        calibration = sorted((support.EYES / 'calibration').iterdir())[:20]
        (self.folder / 'JPEGImages.txt').write_text(''.join('%s\n' % path for path in calibration))

    def use_picture(self, name):
        shutil.copy(support.EYES / 'test' / name, self.folder / 'JPEGImages' / '04245.jpg')

    def place_script(self, name, **changes):
        text = (SEED / name).read_text().replace(FOLDER, str(self.folder))
        for old, new in changes.items():
            self.assertIn(old, text)
            text = re.sub('(?m)^%s = \\w+' % old, '%s = %s' % (old, new), text)
        path = self.folder / name
        path.write_text(text)
        return path

    def run_script(self, name, **changes):
        path = self.place_script(name, **changes)
        done = subprocess.run([sys.executable, '-c', WITHOUT_SCREEN, str(path)],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def convert(self, quantize):
        lines = self.run_script('pt2rknn.py', QUANTIZE_ON=quantize).splitlines()
        self.assertEqual(lines, [
            '--> Config model', 'done', '--> Loading model', 'done', '--> Building model', 'done',
            '--> Export RKNN model', 'done'])
        self.assertTrue((self.folder / 'myself_nano.rknn').exists())

    def found_by_ork(self):
        """(class, score, left, top, right, bottom), best first, with the settings of the script."""
        done = subprocess.run(
            [os.environ['ORK_PROGRAM'], 'detect', 'myself_nano.rknn', 'JPEGImages/04245.jpg',
             '--no-output', '--json', '-', '--score', '0.7', '--nms', '0.3', '--agnostic', '--bgr',
             '--letterbox', 'center', '--fill', '128', '--labels', 'labels.txt'],
            capture_output=True, text=True, timeout=300, check=True)
        found, document = [], json.loads(done.stdout)
        image = document['images'][0]
        self.limits = np.array([image['width'], image['height']] * 2)
        for row in document['results']:
            left, top, width, height = row['bbox']
            self.assertEqual(row['category'], LABELS[row['category_id']])
            found.append((row['category_id'], row['score'], left, top, left + width, top + height))
        return sorted(found, key=lambda box: -box[1])

    def assert_same_boxes(self, printed):
        """The script cuts its coordinates to whole numbers."""
        ours = self.found_by_ork()
        classes, scores = numbers_after('classes', printed), numbers_after('scores', printed)
        boxes = np.reshape(numbers_after('boxes', printed), (-1, 4))
        self.assertEqual([box[0] for box in ours], classes)
        np.testing.assert_allclose([box[1] for box in ours], scores, rtol=0, atol=0.001)
        if ours:  # `ork` cuts off what lies outside of the picture
            theirs = np.clip(boxes[:, [1, 0, 3, 2]], 0, self.limits)
            np.testing.assert_allclose([box[2:] for box in ours], theirs + 0.5, rtol=0, atol=0.6)
        return ours

    def assert_drawn(self, ours):
        """A red ellipse touches the middle of every side, and its label stands at its corner."""
        import cv2
        picture = cv2.imread('shown.png').astype(int)
        red = (picture[..., 2] > 180) & (picture[..., :2].max(2) < 90)
        texts = json.loads(pathlib.Path('texts.json').read_text())
        for class_id, score, left, top, right, bottom in ours:
            x, y = (left + right) / 2, (top + bottom) / 2
            for px, py in ((left, y), (right, y), (x, top), (x, bottom)):
                near = red[max(0, int(py) - 4):int(py) + 5, max(0, int(px) - 4):int(px) + 5]
                self.assertTrue(near.any(), (px, py))
            near = [text for text, tx, ty in texts
                    if abs(tx - left) <= 2 and abs(ty - (top - 6)) <= 2]
            self.assertTrue(near, (left, top, texts))
            name, number = near[0].rsplit(' ', 1)
            self.assertEqual(name, LABELS[class_id])
            self.assertAlmostEqual(float(number), score, delta=0.02)

    def compare(self, quantize):
        self.convert(quantize)
        count = 0
        for name in PICTURES:
            with self.subTest(name):
                self.use_picture(name)
                printed = self.run_script('detect.py')
                self.assertEqual(printed.splitlines()[:3],
                                 ['--> Init runtime environment', 'done', '--> Running model'])
                ours = self.assert_same_boxes(printed)
                self.assert_drawn(ours)
                count += len(ours)
        self.assertGreater(count, 6)

    def test_in_floats(self):
        self.compare('False')

    def test_quantized(self):
        self.compare('True')


@support.needs_eyes
@unittest.skipUnless(shutil.which('Xvfb'), 'there is no Xvfb')
class Window(Scripts):
    """The script as it is, with a window on a screen without a monitor."""

    test_in_floats = test_quantized = None

    def start_screen(self):
        read, write = os.pipe()
        server = subprocess.Popen(
            ['Xvfb', '-displayfd', str(write), '-screen', '0', '800x700x24', '-fbdir', self.folder,
             '-nolisten', 'tcp'], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        with os.fdopen(read) as pipe:
            return ':' + pipe.readline().strip()

    def red_pixels(self):
        """The screen is a file of its window dump: a head, then 4 bytes a pixel."""
        data = np.fromfile(self.folder / 'Xvfb_screen0', np.uint8)
        pixels = data[len(data) - 800 * 700 * 4:].reshape(-1, 4).astype(int)
        return int(((pixels[:, 2] > 180) & (pixels[:, :2].max(1) < 90)).sum())

    def wait_until_shown(self, process):
        for _ in range(600):
            if self.red_pixels() > 100:
                return True
            if process.poll() is not None:
                return False
            time.sleep(0.1)
        return False

    def test_window_is_shown(self):
        self.convert('False')
        display = self.start_screen()
        self.assertEqual(self.red_pixels(), 0)
        with open('printed.txt', 'w') as printed:
            process = subprocess.Popen(
                [sys.executable, self.place_script('detect.py')], stdout=printed, stderr=printed,
                env={**os.environ, 'DISPLAY': display, 'PYTHONUNBUFFERED': '1'})
        try:  # it waits for a key
            shown = self.wait_until_shown(process)
        finally:
            process.kill()
            process.wait()
        text = pathlib.Path('printed.txt').read_text()
        self.assertTrue(shown, text)
        self.assert_same_boxes(text)


if __name__ == '__main__':
    support.main()
