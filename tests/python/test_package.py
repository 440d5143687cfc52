# SPDX-License-Identifier: Apache-2.0
"""The package as a guest in somebody else's process."""
import gc
import os
import pathlib
import subprocess
import sys
import unittest
import weakref

import support
import rknn
from rknn._openrknn import Model
from rknn.api import RKNN


def run_python(*arguments, **environment):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})


class Guest(support.InEmptyFolder):
    def test_logging_is_left_alone(self):
        done = run_python('-c', '''
import logging, sys
before = (dict(logging._nameToLevel), list(logging.root.handlers), logging.root.level,
          sorted(logging.root.manager.loggerDict), logging.getLoggerClass())
from rknn.api import RKNN
rknn = RKNN(verbose=True)
rknn.load_tflite('a.tflite')
rknn.release()
after = (dict(logging._nameToLevel), list(logging.root.handlers), logging.root.level,
         sorted(logging.root.manager.loggerDict), logging.getLoggerClass())
assert before == after
print('same')
''')
        self.assertEqual(done.stdout, 'same\n', done.stderr)

    def test_import_is_small(self):
        done = run_python('-c', '''
import sys
from rknn.api import RKNN
RKNN().release()
print([name for name in ('numpy', 'logging', 'torch', 'onnx', 'cv2', 'tensorflow')
       if name in sys.modules])
''')
        self.assertEqual(done.stdout, '[]\n', done.stderr)
        self.assertEqual(done.stderr, '')

    def test_version(self):
        self.assertRegex(rknn.__version__, r'^\d+\.\d+\.\d+$')

    def test_visualization(self):
        """The module is `ork gui`, wherever that is."""
        done = run_python('-m', 'rknn.bin.visualization', '--help', ORK_PROGRAM=os.environ['ORK_PROGRAM'])
        self.assertIn('Usage: ork gui ', done.stdout)
        self.assertEqual(done.returncode, 0)
        done = run_python('-m', 'rknn.bin.visualization', ORK_PROGRAM='', PATH='/nowhere')
        self.assertEqual(done.returncode, 8)
        self.assertIn('E the program ork is not installed', done.stderr)

    def test_arguments_of_the_extension_are_checked(self):
        model = Model(False)
        for call in (lambda: Model(), lambda: Model(verbose=True), lambda: model.config({}),
                     lambda: model.config([], {}), lambda: model.build(True),
                     lambda: model.print('EE', 'text'), lambda: model.inference()):
            with self.assertRaises(TypeError):
                call()
        with self.assertRaises(KeyError):
            model.not_yet('no such call')


class Logs(support.InEmptyFolder):
    def test_verbose_file(self):
        with support.capture() as printed, RKNN(verbose=True, verbose_file='log.txt') as rknn:
            rknn.load_tflite('a.tflite')
            text = rknn.last_error.text
        expected = ['E ' + line for line in text.split('\n')]
        lines = pathlib.Path('log.txt').read_text().splitlines()
        self.assertEqual([line for line in lines if line.startswith('E ')], expected)
        for line in printed.err.splitlines() + lines:
            self.assertRegex(line, r'^[DIWE] ')

    def test_verbose_file_needs_verbose(self):
        with support.capture() as printed:
            RKNN(verbose_file='log.txt').release()
        self.assertEqual(self.written(), [])
        self.assertEqual(printed.err, 'W verbose_file has no effect without verbose=True\n')

    def test_verbose_file_that_cannot_be_written(self):
        with support.capture() as printed:
            rknn = RKNN(verbose=True, verbose_file='absent/log.txt')
        self.assertEqual(rknn.last_error.id, 'E0102')
        self.assertIn('absent/log.txt', rknn.last_error.text)
        self.assertIn('E error[E0102]', printed.err)
        self.assertIsNone(rknn.config())

    def test_without_stderr_of_python(self):
        done = run_python('-c', '''
import sys
sys.stderr = None
from rknn.api import RKNN
print(RKNN().load_tflite('a.tflite'))
''')
        self.assertEqual((done.returncode, done.stdout), (0, '-1\n'))
        self.assertIn('E error[E0003]: ', done.stderr)


class Lifetime(unittest.TestCase):
    def test_objects_die_without_the_collector(self):
        gc.disable()
        self.addCleanup(gc.enable)
        gone = []
        for raise_on_error in (False, True):
            rknn = RKNN(raise_on_error=raise_on_error)
            with support.capture():
                try:
                    rknn.load_tflite('a.tflite')
                except Exception:
                    pass
            gone.append(weakref.ref(rknn))
            del rknn
        self.assertEqual([ref() for ref in gone], [None, None])

    def test_object_whose_init_never_ran(self):
        rknn = RKNN.__new__(RKNN)
        del rknn

    def test_memory_of_many_objects(self):
        def make(count):
            with support.capture():
                for _ in range(count):
                    with RKNN() as rknn:
                        rknn.config(mean_values=[[1, 2, 3]], reorder_channel='2 1 0')
                        rknn.config(mean_value=1)
                        rknn.load_tflite('a.tflite')
            return resident_bytes()

        first = make(200)
        self.assertLess(make(2000) - first, 2 << 20)


def resident_bytes():
    pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


if __name__ == '__main__':
    support.main()
