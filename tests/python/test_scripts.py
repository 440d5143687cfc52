# SPDX-License-Identifier: Apache-2.0
"""The two scripts that the toolkit must run unchanged, where they are at hand: only the folder that
they name is another, and pictures are shown nowhere."""
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import support

SEED = pathlib.Path(os.environ.get('ORK_SHARED', '/nowhere')) / 'seed'
FOLDER = '/home/liu/RKNN/model'

# Stands for the screen.
WITHOUT_SCREEN = '''
import cv2, runpy, sys
cv2.imshow = lambda title, picture: None
cv2.waitKeyEx = cv2.waitKey = lambda delay=0: -1
runpy.run_path(sys.argv[1], run_name='__main__')
'''


def has_cv2():
    done = subprocess.run([sys.executable, '-c', 'import cv2'], capture_output=True)
    return done.returncode == 0


@support.needs_eyes
@unittest.skipUnless(SEED.exists(), 'the scripts are not here')
@unittest.skipUnless(has_cv2(), 'the scripts need cv2')
class Scripts(support.InEmptyFolder):
    def setUp(self):
        super().setUp()
        pictures = self.folder / 'JPEGImages'
        pictures.mkdir()
        shutil.copy(support.EYES_MODEL, self.folder / 'myself_nano.pt')
        shutil.copy(sorted((support.EYES / 'test').iterdir())[0], pictures / '04245.jpg')
        (self.folder / 'JPEGImages.txt').write_text('JPEGImages/04245.jpg\n')

    def run_script(self, name, **changes):
        text = (SEED / name).read_text().replace(FOLDER, str(self.folder))
        for name_of, value in changes.items():
            self.assertIn(name_of, text)
            text = text.replace(name_of, value)
        path = self.folder / name
        path.write_text(text)
        done = subprocess.run([sys.executable, '-c', WITHOUT_SCREEN, str(path)],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def test_both(self):
        converted = self.run_script('pt2rknn.py')
        self.assertEqual(converted.stdout.splitlines(), [
            '--> Config model', 'done', '--> Loading model', 'done', '--> Building model', 'done',
            '--> Export RKNN model', 'done'])
        self.assertTrue((self.folder / 'myself_nano.rknn').exists())
        detected = self.run_script('detect.py')
        lines = detected.stdout.splitlines()
        self.assertEqual(lines[:3], ['--> Init runtime environment', 'done', '--> Running model'])
        self.assertIn('classes: [1 0]', detected.stdout)  # a pupil in an iris


if __name__ == '__main__':
    support.main()
