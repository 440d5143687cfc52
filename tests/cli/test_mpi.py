# SPDX-License-Identifier: Apache-2.0
"""Calibration in several processes: the same bits for any number of ranks and threads, in any order of shards.

usage: test_mpi.py ORK ORK_MPI   (ORK_MPI is built with MPI)"""
import itertools
import random
import shutil
import subprocess
import sys
import unittest

ORK_MPI = sys.argv.pop(2)
import test_cli  # noqa: E402  reads the other argument


@unittest.skipUnless(shutil.which('mpirun'), 'no mpirun')
class Ranks(test_cli.Base):
    write, samples = test_cli.TextForm.write, test_cli.TextForm.samples
    calibrate, shares = test_cli.TextForm.calibrate, test_cli.TextForm.shares

    def setUp(self):
        super().setUp()
        self.net, self.list = self.write('net.txt'), self.samples(7)

    def mpirun(self, ranks, *arguments):
        result = subprocess.run(['mpirun', '--allow-run-as-root', '--oversubscribe', '-n', str(ranks), ORK_MPI,
                                 *map(str, arguments)], capture_output=True, timeout=600, check=False)
        self.assertNotIn(b'built without MPI', result.stderr)
        return result

    def test_ranks_and_threads(self):
        for scheme in ((), ('--vendor-exact',)):
            whole = self.calibrate('whole', '-t', 1, *scheme)
            self.assertEqual(self.calibrate('threads', '-t', 4, *scheme), whole)
            for ranks, threads in itertools.product((1, 2, 4), (1, 4)):
                out = self.folder / f'{ranks}x{threads}'
                result = self.mpirun(ranks, 'calibrate', self.net, '-d', self.list, '--std', '64', '-o', out, '-t',
                                     threads, *scheme)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(out.read_bytes(), whole, (ranks, threads, scheme))
                out.unlink()

    def test_any_order_of_shards(self):
        whole, shuffle = self.calibrate('whole'), random.Random(3)
        for count in (2, 4, 7):
            for _ in range(2):
                order = list(range(1, count + 1))
                shuffle.shuffle(order)
                self.assertEqual(self.shares(count, order)['stats'], whole, order)

    def test_more_ranks_than_samples(self):
        self.list = self.samples(3)
        whole = self.calibrate('whole')
        result = self.mpirun(5, 'calibrate', self.net, '-d', self.list, '--std', '64', '-o', self.folder / 'mpi')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / 'mpi').read_bytes(), whole)

    def test_the_failure_of_one_is_that_of_all(self):
        result = self.mpirun(4, 'calibrate', self.net, '-d', self.folder / 'absent.txt', '-o', self.folder / 'mpi')
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b'E0401', result.stderr)
        self.assertFalse((self.folder / 'mpi').exists())


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], '-v'])
