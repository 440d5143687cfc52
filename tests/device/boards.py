# SPDX-License-Identifier: Apache-2.0
"""What the tests of boards share: boards of this computer, native and emulated, and a model.

Emulated boards are the programs for other architectures in the folder ORK_BOARDS, where qemu is
installed."""
import contextlib
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ['ORK_SOURCE'], 'tests', 'python'))
import support  # noqa: E402 (the package's own helpers)

BOARDS = pathlib.Path(os.environ['ORK_BOARDS'])
ORK = os.environ['ORK_PROGRAM']
NATIVE = platform.machine()
EMULATORS = {'aarch64': ('qemu-aarch64', 'cortex-a53'), 'armhf': ('qemu-arm', 'cortex-a7')}
MACHINES = {'aarch64': 'aarch64', 'armhf': 'armv7l', 'x86_64': 'x86_64'}  # what uname -m says
PICTURES = support.EYES / 'test'


def emulator(architecture):
    """The command that runs programs of the architecture; None where it cannot be run."""
    if architecture == NATIVE:
        return []
    name, cpu = EMULATORS.get(architecture, (None, None))
    for program in (name + '-static', name) if name else ():
        if shutil.which(program):
            return [shutil.which(program), '-cpu', cpu]
    return None


def architectures():
    """Those that can run here: always the computer's own, first."""
    found = [name for name in MACHINES
             if emulator(name) is not None and (BOARDS / ('ork-board-' + name)).exists()]
    return sorted(found, key=lambda name: name != NATIVE)


def command(architecture, *options):
    return [*emulator(architecture), str(BOARDS / ('ork-board-' + architecture)), *options]


class Board:
    """An ork-board that listens on a free port of this computer."""

    def __init__(self, *options, architecture=NATIVE, listen='127.0.0.1:0', **environment):
        self.process = subprocess.Popen(
            command(architecture, '--listen', listen, *options), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, **environment})
        line = self.process.stdout.readline()
        if not line.startswith('port='):
            raise AssertionError('ork-board does not listen: ' + line + self.process.stderr.read())
        self.port = int(line[len('port='):])
        self.id = 'tcp:127.0.0.1:%d' % self.port

    def count(self, folder):
        """How many descriptors or threads the process has."""
        return len(os.listdir('/proc/%d/%s' % (self.process.pid, folder)))

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def eventually(condition, seconds=60):
    """Waits for a sign. False when it has not come after long enough for any machine."""
    import time
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def stop(process):
    """Stops it, and waits until all of its threads stand still."""
    def stands():
        states = []
        for task in os.listdir('/proc/%d/task' % process):
            with open('/proc/%d/task/%s/stat' % (process, task)) as file:
                states.append(file.read().rpartition(') ')[2][0])
        return set(states) == {'T'}
    os.kill(process, signal.SIGSTOP)
    assert eventually(stands)


def has_unread(port):
    """Whether bytes lie at a connection with the port of this computer that nobody has read."""
    with open('/proc/net/tcp') as file:
        for line in file.readlines()[1:]:
            _, local, _, state, queues = line.split()[:5]
            if int(local.split(':')[1], 16) == port and state == '01':
                if int(queues.split(':')[1], 16) > 0:
                    return True
    return False


def when(condition, act):
    """Does it from another thread as soon as the sign is there."""
    import threading
    thread = threading.Thread(target=lambda: eventually(condition) and act())
    thread.start()
    return thread


def memory(process):
    """Bytes that the process has in memory."""
    with open('/proc/%d/statm' % process) as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


_models = {}


def model(name='small'):
    """A quantized model, made once: 'small', of some layers, or 'eyes'."""
    from rknn.api import RKNN
    if name not in _models:
        folder = tempfile.mkdtemp(prefix='ork-device-')
        path = os.path.join(folder, name + '.rknn')
        with support.capture(), RKNN() as rknn:
            make_small(rknn, folder) if name == 'small' else make_eyes(rknn)
            assert rknn.export_rknn(path) == 0, rknn.last_error
        _models[name] = path
    return _models[name]


def make_small(rknn, folder):
    import numpy as np
    numbers = np.random.RandomState(1)
    for i in range(2):
        np.save(os.path.join(folder, '%d.npy' % i), numbers.randint(0, 256, (1, 8, 6, 3), 'uint8'))
    with open(os.path.join(folder, 'list.txt'), 'w') as names:
        names.write('0.npy\n1.npy\n')
    rknn.config(mean_values=[[120, 110, 100]], std_values=[[60, 61, 62]], reorder_channel='2 1 0',
                target_platform='rk1808')
    path = support.SOURCE / 'tests' / 'data' / 'import' / 'focus.pt'
    assert rknn.load_pytorch(str(path), [[3, 8, 6]]) == 0, rknn.last_error
    assert rknn.build(dataset=os.path.join(folder, 'list.txt')) == 0, rknn.last_error


def make_eyes(rknn):
    rknn.config(mean_values=[[123.675, 116.28, 103.53]], std_values=[[58.395, 57.12, 57.375]],
                reorder_channel='2 1 0', target_platform='rk1808')
    assert rknn.load_pytorch(str(support.EYES_MODEL), [support.EYES_SIZE]) == 0, rknn.last_error
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as names:
        for path in sorted((support.EYES / 'calibration').iterdir())[:4]:
            names.write('%s\n' % path)
        names.flush()
        assert rknn.build(dataset=names.name) == 0, rknn.last_error


def forget_models():
    for path in _models.values():
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)
    _models.clear()


def outputs(path, picture, target=None, device_id=None):
    from rknn.api import RKNN
    with support.capture(), RKNN() as rknn:
        assert rknn.load_rknn(path) == 0, rknn.last_error
        assert rknn.init_runtime(target, device_id) == 0, rknn.last_error
        result = rknn.inference([picture])
        assert result is not None, rknn.last_error
        return result


@contextlib.contextmanager
def environment(**values):
    """None takes a variable away."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in values.items() if value is not None})
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Case(support.InEmptyFolder):
    @classmethod
    def tearDownClass(cls):
        forget_models()

    def same(self, first, second):
        import numpy as np
        self.assertEqual(len(first), len(second))
        for one, other in zip(first, second):
            self.assertEqual(one.shape, other.shape)
            self.assertTrue(np.array_equal(one.view('uint32'), other.view('uint32')))

    def ork(self, *arguments, code=0, **changes):
        done = subprocess.run([ORK, *map(str, arguments)], capture_output=True, text=True,
                              timeout=600, check=False, env={**os.environ, **changes})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done


if __name__ == '__main__':
    unittest.main()
