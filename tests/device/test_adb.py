# SPDX-License-Identifier: Apache-2.0
"""Boards that are reached through the real adb server, which connects with stand-ins for their adbd;
and every state in which a board cannot be used. Skipped where adb is not installed."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np

import boards
import support
from adbd import Device
from rknn.api import RKNN
from test_tcp import picture

ADB = shutil.which('adb')
FOREIGN = os.environ['ORK_FOREIGN_LIBRARY']
SEED = pathlib.Path(os.environ.get('ORK_SHARED', '/nowhere')) / 'seed'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return listener.getsockname()[1]


class FakeServer:
    """An adb server that says what it is told to."""

    def __init__(self, devices='', version='0029', raw=None):
        self.answers = {'host:version': version, 'host:devices-l': devices}
        self.raw = raw
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                request = peer.recv(4096)[4:].decode()
                answer = self.answers.get(request)
                text = ('OKAY%04x%s' % (len(answer), answer) if answer is not None else
                        'FAIL%04x%s' % (7, 'no such'))
                with contextlib.suppress(OSError):
                    peer.sendall(self.raw if self.raw is not None else text.encode())

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.listener.close()


class States(boards.Case):
    """What no board is needed for."""

    def setUp(self):
        super().setUp()
        self.rknn = RKNN()
        self.addCleanup(self.rknn.release)
        self.assertEqual(self.rknn.load_rknn(boards.model()), 0)

    def refuses(self, server, id, *texts, device_id=None, **environment):
        with server, boards.environment(ANDROID_ADB_SERVER_PORT=server.port, **environment):
            self.assert_fails(self.rknn, lambda: self.rknn.init_runtime('rk1808', device_id), -1,
                              id, *texts)
        self.assertEqual(self.rknn.init_runtime(), 0)

    def test_one_message_for_each_state(self):
        for state, id, text in [
                ('offline', 'E0805', 'offline'), ('unauthorized', 'E0806', 'adbkey.pub'),
                ('authorizing', 'E0806', 'not allowed'), ('recovery', 'E0801', 'recovery'),
                ('no permissions (user in plugdev group; are your udev rules wrong?); see [http]',
                 'E0807', 'udevadm'), ('strange', 'E0801', 'strange')]:
            with self.subTest(state):
                line = 'ABC123     %s usb:1-1 product:x model:RK1808 transport_id:1\n' % state
                self.refuses(FakeServer(line), id, text, 'ABC123')
                self.refuses(FakeServer(line), id, text, 'ABC123', device_id='ABC123')

    def test_none_and_several_and_unknown(self):
        two = 'A device\nB\tdevice usb:1 model:RK\n'
        self.refuses(FakeServer(), 'E0802', 'no board is connected')
        self.refuses(FakeServer(two), 'E0803', '2 boards', 'A (device), B (device)',
                     "device_id='A'")
        self.refuses(FakeServer(two), 'E0804', "'C'", 'A (device), B (device)', device_id='C')
        self.refuses(FakeServer(), 'E0804', 'no device at all', device_id='C')

    def test_servers(self):
        self.refuses(FakeServer(version='001f'), 'E0811', '1.0.32')
        self.refuses(FakeServer(version='zzzz'), 'E0811', 'version 0')
        for raw in (b'', b'HTTP/1.1 400', b'OKAY', b'OKAYzzzz', b'FAIL0003abc', b'OKAYffff'):
            with self.subTest(raw):
                self.refuses(FakeServer(raw=raw), 'E0810')

    def test_no_adb(self):
        port = str(free_port())
        for environment in ({'ORK_ADB': '/nowhere/adb'}, {'ORK_ADB': None, 'PATH': '/nowhere'}):
            with boards.environment(ANDROID_ADB_SERVER_PORT=port, **environment):
                self.assert_fails(self.rknn, lambda: self.rknn.init_runtime('rk1808'), -1,
                                  'E0809', 'apt-get install adb')

    def test_an_adb_that_does_not_start(self):
        fake = self.folder / 'adb'
        fake.write_text('#!/bin/sh\necho "* daemon not running\ncannot bind" >&2\nexit 1\n')
        fake.chmod(0o755)
        with boards.environment(ANDROID_ADB_SERVER_PORT=str(free_port()), ORK_ADB=str(fake)):
            self.assert_fails(self.rknn, lambda: self.rknn.init_runtime('rk1808'), -1, 'E0810',
                              'cannot bind')

    def test_two_versions_of_adb(self):
        fake = self.folder / 'adb'
        fake.write_text('#!/bin/sh\necho Android Debug Bridge version 1.0.39\n')
        fake.chmod(0o755)
        with FakeServer() as server:
            done = self.ork('doctor', '--json', code=6, ORK_ADB=str(fake),
                            ANDROID_ADB_SERVER_PORT=server.port)
        items = {item['name']: item for item in json.loads(done.stdout)['items']}
        self.assertEqual(items['adb']['error'], 'E0811')
        self.assertIn('1.0.39', items['adb']['text'].replace('version 39', 'version 1.0.39'))
        self.assertTrue(items['adb server']['good'])

    def test_lists(self):
        devices = 'A device model:RK1808\nB unauthorized usb:1\nC device\n'
        with FakeServer(devices) as server, \
                boards.environment(ANDROID_ADB_SERVER_PORT=server.port):
            with support.capture() as printed:
                self.assertEqual(self.rknn.list_devices(), (['A', 'C'], []))
            self.assertEqual(printed.out, '*' * 25 + '\nall device(s) with adb mode:\nA,C\n' +
                             '*' * 25 + '\n')
            self.assertIn('W B: ', printed.err)
            done = subprocess.run([sys.executable, '-m', 'rknn.bin.list_devices'],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, printed.out)
            rows = json.loads(self.ork('devices', '--json').stdout)['devices']
            self.assertEqual([(row['id'], row['state'], row['error']) for row in rows],
                             [('A', 'device', ''), ('B', 'unauthorized', 'E0806'),
                              ('C', 'device', '')])
            self.assertIn('E0806', self.ork('devices').stdout)
        with FakeServer() as server, boards.environment(ANDROID_ADB_SERVER_PORT=server.port):
            with support.capture() as printed:
                self.assertEqual(self.rknn.list_devices(), ([], []))
            self.assertIn('None devices connected.', printed.out)


@unittest.skipUnless(ADB, 'adb is not installed')
class Adb(boards.Case):
    """Everything with the real adb server, on a port of its own."""

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix='ork-adb-')
        cls.settings = {'ANDROID_ADB_SERVER_PORT': str(free_port()), 'HOME': cls.home,
                        'ORK_BOARD_DIR': str(boards.BOARDS), 'ORK_ADB': None,
                        'LD_PRELOAD': None if 'asan' not in os.environ.get('LD_PRELOAD', '') else
                        os.environ['LD_PRELOAD']}
        with boards.environment(**cls.settings):
            subprocess.run([ADB, 'start-server'], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        with boards.environment(**cls.settings):
            subprocess.run([ADB, 'kill-server'], check=False, capture_output=True)
        shutil.rmtree(cls.home, ignore_errors=True)
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        around = boards.environment(**self.settings)
        around.__enter__()
        self.addCleanup(around.__exit__, None, None, None)
        self.rknn = RKNN()
        self.addCleanup(self.rknn.release)
        self.assertEqual(self.rknn.load_rknn(boards.model()), 0)

    def adb(self, *arguments):
        return subprocess.run([ADB, *arguments], capture_output=True, text=True, check=True).stdout

    def connect(self, device):
        self.adb('connect', device.serial)
        self.assertTrue(boards.eventually(lambda: re.search(
            r'(?m)^%s\tdevice$' % re.escape(device.serial), self.adb('devices'))))

    def plug_in(self, architecture=boards.NATIVE, chip='rockchip,rk1808-evb rockchip,rk1808',
                emulator='its own', **more):
        device = Device(boards.MACHINES.get(architecture, architecture), chip,
                        boards.emulator(architecture) if emulator == 'its own' else emulator,
                        FOREIGN, **more)
        self.addCleanup(device.close)
        self.addCleanup(subprocess.run, [ADB, 'disconnect', device.serial], capture_output=True)
        self.connect(device)
        return device

    def works(self, device, target='rk1808'):
        with support.capture() as printed:
            self.assertEqual(self.rknn.init_runtime(target, device.serial), 0, self.rknn.last_error)
            self.same(self.rknn.inference([picture()]), boards.outputs(boards.model(), picture()))
        return printed.err

    def refuses(self, id, *texts, target='rk1808', device_id=None):
        self.assert_fails(self.rknn, lambda: self.rknn.init_runtime(target, device_id), -1, id,
                          *texts)

    @staticmethod
    def stop(device):
        for process in device.processes():
            boards.stop(process)

    # ---- what works ----

    def test_every_architecture(self):
        for architecture in boards.architectures():
            with self.subTest(architecture):
                device = self.plug_in(architecture)
                self.works(device)
                self.works(device)
                self.assertEqual(device.pushes, 1)
                self.assertEqual(len(device.daemons()), 1)
                device.close()

    def test_a_copy_is_sent_only_where_there_is_none(self):
        device = self.plug_in()
        self.works(device)
        program = next(path for path in device.folder.iterdir() if not path.suffix)
        device.signal(signal.SIGKILL)
        self.works(device)  # it is there, and is started again
        self.assertEqual(device.pushes, 1)
        device.signal(signal.SIGKILL)
        part = program.read_bytes()[:1000]
        program.unlink()
        program.write_bytes(part)
        program.chmod(0o755)
        self.works(device)  # a copy that was cut off
        self.assertEqual(device.pushes, 2)
        program.rename(program.with_name('ork-board-0123456789abcdef'))  # of another version
        self.works(device)
        self.assertEqual(device.pushes, 3)

    def test_the_port_of_a_daemon_that_is_gone(self):
        device = self.plug_in()
        self.works(device)
        device.signal(signal.SIGKILL)
        self.assertTrue(boards.eventually(lambda: not device.daemons()))
        with socket.create_server(('127.0.0.1', 0)) as other:  # something else has it now

            def serve():
                peer, _ = other.accept()
                with peer:
                    peer.sendall(b'220 mail.example.org ESMTP\r\n')
                    peer.recv(4096)
            thread = threading.Thread(target=serve)
            thread.start()
            next(device.folder.glob('*.port')).write_text(str(other.getsockname()[1]))
            self.works(device)
            thread.join()

    def test_two_boards(self):
        first, second = self.plug_in(), self.plug_in(chip='rockchip,rk3399pro')
        self.refuses('E0803', '2 boards are connected', first.serial, second.serial)
        self.refuses('E0808', 'is a rk3399pro, not a rk1808', device_id=second.serial)
        self.works(first)
        self.works(second, 'rk3399pro')
        with support.capture():
            found = self.rknn.list_devices()
        self.assertEqual((sorted(found[0]), found[1]), (sorted([first.serial, second.serial]), []))
        second.close()
        self.adb('disconnect', second.serial)
        with support.capture():
            self.assertEqual(self.rknn.init_runtime('rk1808'), 0)  # the only one

    def test_commands(self):
        device = self.plug_in()
        np.save('in.npy', picture()[None])
        self.ork('run', boards.model(), 'in.npy', '--target', 'rk1808', '--npy-out', 'there')
        self.ork('run', boards.model(), 'in.npy', '--npy-out', 'here')
        self.same([np.load('here/in-0.npy')], [np.load('there/in-0.npy')])
        self.assertIn(' 0 integers differ',
                      self.ork('compare', boards.model(), 'in.npy', '--device', device.serial).stdout)
        self.assertIn(' 0 integers differ', self.ork('compare', boards.model(), 'in.npy').stdout)
        self.assertIn(device.serial, self.ork('devices').stdout)
        done = subprocess.run([boards.ORK, 'doctor', '--connect', '--json'], capture_output=True,
                              check=False)
        items = {item['name']: item for item in json.loads(done.stdout)['items']}
        self.assertTrue(items['board ' + device.serial]['good'])
        self.assertTrue(items['adb']['good'])
        self.assertIn('rk1808', items['ork-board']['text'])

    @support.needs_eyes
    @unittest.skipUnless(SEED.exists(), 'the script is not here')
    def test_the_script_of_the_article(self):
        import test_scripts
        if not test_scripts.has_cv2():
            self.skipTest('the script needs cv2')
        device = self.plug_in()
        shutil.copy(boards.model('eyes'), 'myself_nano.rknn')
        (self.folder / 'JPEGImages').mkdir()
        shutil.copy(boards.PICTURES / '00000.jpg', self.folder / 'JPEGImages' / '04245.jpg')
        printed = []
        for call in ("init_runtime()", "init_runtime('rk1808', device_id='%s')" % device.serial):
            script = (SEED / 'detect.py').read_text().replace(test_scripts.FOLDER, str(self.folder))
            self.assertIn('ret = rknn.init_runtime()', script)
            (self.folder / 'detect.py').write_text(script.replace(
                'ret = rknn.init_runtime()', 'ret = rknn.' + call))
            done = subprocess.run([sys.executable, '-c', test_scripts.WITHOUT_SCREEN, 'detect.py'],
                                  capture_output=True, text=True, timeout=300, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            printed.append(done.stdout)
        self.assertEqual(*printed)
        self.assertIn('boxes: [', printed[0])

    # ---- what does not, and is recovered from ----

    def test_unplugged_between_runs(self):
        device = self.plug_in()
        self.works(device)
        device.unplug()
        for _ in range(2):
            self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()]), None, 'E0818',
                              'unplugged', device.serial)
        device.plug_in()
        self.connect(device)
        self.works(device)
        self.assertEqual(device.pushes, 1)

    def test_unplugged_within_a_run(self):
        device = self.plug_in()
        self.works(device)
        self.stop(device)  # it takes the input, and never answers
        thread = boards.when(lambda: boards.has_unread(device.port()), device.unplug)
        self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()]), None, 'E0818',
                          'unplugged', device.serial)
        thread.join()
        device.signal(signal.SIGCONT)
        device.plug_in()
        self.connect(device)
        self.works(device)

    def test_a_daemon_that_is_killed(self):
        device = self.plug_in()
        self.works(device)
        self.stop(device)
        thread = boards.when(lambda: boards.has_unread(device.port()),
                             lambda: device.signal(signal.SIGKILL))
        self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()]), None, 'E0817',
                          'has ended on the board', device.serial)
        thread.join()
        self.works(device)

    def test_a_full_disk(self):
        device = self.plug_in(space=100000)
        self.refuses('E0814', "disk is full", 'ORK_BOARD_FOLDER', device_id=device.serial)
        self.assertEqual(list(device.folder.iterdir()), [])
        device.space = 1 << 40
        self.works(device)

    def test_a_disk_with_older_versions(self):
        size = (boards.BOARDS / ('ork-board-' + boards.NATIVE)).stat().st_size
        device = self.plug_in(space=size + 1000)
        (device.folder / 'ork-board-0123456789abcdef').write_bytes(b'x' * 5000)
        self.works(device)  # they make room
        self.assertEqual(device.pushes, 2)

    def test_a_folder_of_choice(self):
        device = self.plug_in()
        other = device.root / 'other'
        other.mkdir()
        with boards.environment(ORK_BOARD_FOLDER=str(other)):
            self.works(device)
            self.assertEqual(len(list(other.glob('ork-board-*'))), 2)  # the program, its port
        self.works(device)

    def test_folders_that_cannot_be_used(self):
        device = self.plug_in(emulator=['noexec'])
        self.refuses('E0815', 'may not run', 'ORK_BOARD_FOLDER', device_id=device.serial)
        device.emulator = []
        with boards.environment(ORK_BOARD_FOLDER='/nowhere/at all'):
            self.refuses('E0815', "'/nowhere/at all'", device_id=device.serial)
        self.works(device)

    def test_a_daemon_that_does_not_start(self):
        device = self.plug_in()
        program = (boards.BOARDS / ('ork-board-' + boards.NATIVE)).read_bytes()
        in_the_way = device.folder / ('ork-board-%s.port' % hashlib.sha256(program).hexdigest()[:16])
        in_the_way.mkdir()
        self.refuses('E0816', 'does not start', 'E0102', device_id=device.serial)
        in_the_way.rmdir()
        self.works(device)

    def test_architectures(self):
        mips = self.plug_in('mips', emulator=None)
        self.refuses('E0812', 'no ork-board for a mips', device_id=mips.serial)
        with tempfile.TemporaryDirectory() as folder, boards.environment(ORK_BOARD_DIR=folder):
            self.refuses('E0813', './dev board', folder, device_id=self.plug_in().serial)
        self.works(self.plug_in())

    def test_programs_that_the_board_cannot_run(self):
        if len(boards.architectures()) < 2:
            self.skipTest('there is no ork-board for another architecture')
        other = boards.architectures()[1]
        device = self.plug_in(other, emulator=None)
        self.refuses('E0812', 'cannot run ork-board for ' + other, device_id=device.serial)
        device.emulator = boards.emulator(other)
        self.works(device)

    def test_another_adb_that_takes_the_server_away(self):
        self.works(self.plug_in())
        with boards.environment(ANDROID_ADB_SERVER_PORT=self.settings['ANDROID_ADB_SERVER_PORT']):
            self.adb('kill-server')
        self.assert_fails(self.rknn, lambda: self.rknn.inference([picture()]), None, 'E0810',
                          'has ended')
        with support.capture():
            self.assertIsNotNone(self.rknn.list_devices())  # starts one
        self.works(self.plug_in())

    def test_again_and_again(self):
        times = int(os.environ.get('ORK_REPEAT', '10'))
        device = self.plug_in()
        self.works(device)
        self.rknn.release()
        mine, expected = len(os.listdir('/proc/self/fd')), boards.outputs(boards.model(), picture())
        memory = 0
        for turn in range(times):
            self.same(expected, boards.outputs(boards.model(), picture(), 'rk1808', device.serial))
            if turn == times // 4:
                memory = boards.memory(os.getpid())
        pid, = device.daemons()
        self.assertEqual(device.pushes, 1)
        self.assertTrue(boards.eventually(lambda: len(os.listdir('/proc/%d/task' % pid)) <= 2))
        self.assertTrue(boards.eventually(lambda: len(os.listdir('/proc/self/fd')) <= mine))
        self.assertLess(boards.memory(os.getpid()), memory + (16 << 20))


if __name__ == '__main__':
    unittest.main()
