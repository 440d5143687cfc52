# SPDX-License-Identifier: Apache-2.0
"""What the tests of the package share."""
import contextlib
import io
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ['ORK_SOURCE'])
PACKAGE = pathlib.Path(os.environ['ORK_PYTHON_PACKAGE'])
sys.path.append(str(SOURCE / 'tests'))
from interrupt import interrupt

EYES = SOURCE / 'examples' / 'eyes'
EYES_MODEL = EYES / 'eyes.pt'
EYES_SIZE = [3, 416, 416]

needs_eyes = unittest.skipUnless(EYES_MODEL.exists(), 'the model of examples/eyes is not here')


class Captured:
    """What was printed inside of the with block of capture()."""
    out = ''
    err = ''


@contextlib.contextmanager
def capture():
    captured, out, err = Captured(), io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield captured
    captured.out, captured.err = out.getvalue(), err.getvalue()


class InEmptyFolder(unittest.TestCase):
    """Every test runs in a folder of its own, which is empty at the start."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def written(self):
        return sorted(path.name for path in self.folder.iterdir())

    def assert_fails(self, rknn, call, result, id, *texts):
        """Calls, and checks all that a failure leaves: its value, its message, its report, and
        that nothing else was printed or written."""
        before = self.written()
        with capture() as printed:
            returned = call()
        self.assertEqual(returned, result)
        self.assertIs(type(returned), type(result))
        report = rknn.last_error
        self.assertIsNotNone(report)
        self.assertEqual(report.id, id, report.text)
        for text in texts:
            self.assertIn(text, report.text)
        expected = ''.join('E %s\n' % line for line in report.text.split('\n'))
        self.assertTrue(printed.err.endswith(expected), (printed.err, expected))
        self.assertEqual(printed.out, '')
        self.assertEqual(self.written(), before)
        return report


def main():
    sys.dont_write_bytecode = True
    unittest.main()
