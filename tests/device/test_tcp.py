# SPDX-License-Identifier: Apache-2.0
"""Boards that are reached directly: the protocol, sessions, and what happens when an end vanishes."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import unittest

import numpy as np

import boards
import support
from rknn.api import RKNN

HELLO, WELCOME, LOAD, READY, RUN, RESULT, LAYER, ERROR = range(1, 9)


def picture(seed=0, size=(8, 6)):
    return np.random.RandomState(seed).randint(0, 256, (*size, 3), 'uint8')


def text(value):
    return struct.pack('<H', len(value)) + value.encode()


def hello(protocol=1, token=''):
    return struct.pack('<I', protocol) + text(token) + text('0.1.0')


class Host:
    """Speaks the protocol by hand, well or badly."""

    def __init__(self, board):
        self.socket = socket.create_connection(('127.0.0.1', board.port))

    def send(self, kind, body):
        self.socket.sendall(b'ORKW' + struct.pack('<IQ', kind, len(body)) + body)

    def take(self, size):
        data = b''
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def answer(self):
        mark, kind, size = struct.unpack('<4sIQ', self.take(16))
        assert mark == b'ORKW'
        return kind, self.take(size)

    def error(self):
        kind, body = self.answer()
        assert kind == ERROR, (kind, body)
        size = struct.unpack_from('<H', body)[0]
        return body[2:2 + size].decode()

    def closed(self):
        try:
            return self.socket.recv(1) == b''
        except ConnectionError:
            return True

    def greet(self):
        self.send(HELLO, hello())
        return self.answer()

    def load(self, path):
        with open(path, 'rb') as file:
            self.send(LOAD, struct.pack('<III', 0, 1, 0) + file.read())
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.socket.close()


def run_body(data, dims=(1, 8, 6, 3), dtype=4, flags=1, size=None):
    dims = (*dims, *[0] * (8 - len(dims)))
    return (struct.pack('<I', 1) + struct.pack('<BBBB8qQ', dtype, flags, 4, 0, *dims,
                                               len(data) if size is None else size) + data)


class Running(boards.Case):
    def test_every_architecture_computes_the_same_bits(self):
        for architecture in boards.architectures():
            with self.subTest(architecture), boards.Board(architecture=architecture) as board:
                for seed in range(3):
                    self.same(boards.outputs(boards.model(), picture(seed)),
                              boards.outputs(boards.model(), picture(seed), device_id=board.id))

    def test_every_way_to_give_an_input(self):
        with boards.Board() as board, support.capture(), RKNN() as here, RKNN() as there:
            for rknn in (here, there):
                self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(here.init_runtime(), 0)
            self.assertEqual(there.init_runtime(device_id=board.id), 0, there.last_error)
            nhwc = picture()[None]
            for data_type in ('uint8', 'int8', 'int16', 'float16', 'float32'):
                for layout in ('nhwc', 'nchw'):
                    for through in (0, 1):
                        with self.subTest((data_type, layout, through)):
                            data = (nhwc if layout == 'nhwc' else
                                    nhwc.transpose(0, 3, 1, 2)).astype(data_type)
                            self.same(*[rknn.inference([data], data_type, layout, [through])
                                        for rknn in (here, there)])

    def test_wrong_inputs_are_told_before_anything_is_sent(self):
        with boards.Board() as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
            self.assert_fails(rknn, lambda: rknn.inference([picture(size=(9, 6))]), None, 'E0702')
            self.assertIsNotNone(rknn.inference([picture()]))

    def test_versions(self):
        with boards.Board() as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
            self.assertIn(board.id, rknn.get_sdk_version())
        done = subprocess.run(boards.command(boards.NATIVE, '--version'), capture_output=True,
                              text=True, check=True)
        self.assertEqual(done.stdout.split()[0], 'ork-board')

    def test_several_hosts_at_once(self):
        path, failures = boards.model(), []
        expected = [boards.outputs(path, picture(seed)) for seed in range(4)]

        def work(seed):
            try:
                with RKNN() as rknn:
                    assert rknn.load_rknn(path) == 0
                    assert rknn.init_runtime(device_id=board.id) == 0, rknn.last_error
                    for _ in range(5):
                        self.same(rknn.inference([picture(seed)]), expected[seed])
            except Exception as failure:  # of whatever kind: the test's thread tells
                failures.append(failure)
        with boards.Board() as board:
            threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def test_commands(self):
        np.save('in.npy', picture()[None])
        with boards.Board('--chip', 'rk1808') as board:
            for target in ((), ('--target', 'rk1808')):
                done = self.ork('run', boards.model(), 'in.npy', '--device', board.id, *target,
                                '--json', '--npy-out', 'there')
                self.assertGreater(json.loads(done.stdout)['runs'][0]['board_milliseconds'], 0)
            self.ork('run', boards.model(), 'in.npy', '--npy-out', 'here')
            self.same([np.load('here/in-0.npy')], [np.load('there/in-0.npy')])
            compared = json.loads(self.ork('compare', boards.model(), 'in.npy', '--device',
                                           board.id, '--json').stdout)
            self.assertEqual(compared['different_integers'], 0)
            self.assertGreater(len(compared['values']), 3)
            self.assertTrue(any(value['output'] for value in compared['values']))
            items = {item['name']: item for item in json.loads(subprocess.run(
                [boards.ORK, 'doctor', '--device', board.id, '--json'], capture_output=True,
                env={**os.environ, 'ORK_ADB': '/nowhere', 'ANDROID_ADB_SERVER_PORT': '9'},
                check=False).stdout)['items']}
            self.assertTrue(items['ork-board']['good'])
            self.assertEqual(items['adb']['error'], 'E0809')

    def test_compare_on_every_architecture(self):
        np.save('in.npy', picture()[None])
        for architecture in boards.architectures():
            with self.subTest(architecture), boards.Board(architecture=architecture) as board:
                done = self.ork('compare', boards.model(), 'in.npy', '--device', board.id)
                self.assertIn(' 0 integers differ', done.stdout)

    @support.needs_eyes
    def test_boxes(self):
        with boards.Board('--chip', 'rk1808') as board:
            where = ['--device', board.id, '--target', 'rk1808']
            found = [self.ork('detect', boards.model('eyes'), boards.PICTURES / '00000.jpg', '--no-output',
                              '--json', '-', *more).stdout for more in ([], where)]
        self.assertEqual(*[json.loads(one)['annotations' if 'annotations' in json.loads(one)
                                           else 'images'] for one in found])


class Chips(boards.Case):
    def test_the_wrong_chip(self):
        with boards.Board(ORK_BOARD_CHIP='rockchip,rv1126-evb rockchip,rv1126') as board, \
                RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assert_fails(rknn, lambda: rknn.init_runtime('rk1808', board.id), -1, 'E0808',
                              'is a rv1126, not a rk1808')
            self.assert_fails(rknn, lambda: rknn.init_runtime(None, board.id), -1, 'E0305',
                              'built for rk1808', 'rv1126')
            self.assert_fails(rknn, lambda: rknn.init_runtime('rv1126', board.id), -1, 'E0305')
            self.assert_fails(rknn, lambda: rknn.init_runtime('rk1', board.id), -1, 'E0305')
            self.assertEqual(rknn.init_runtime(), 0)

    def test_the_right_one(self):
        with boards.Board('--chip', 'rockchip,rk3399pro-evb') as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(rknn.init_runtime('rk3399pro', board.id), 0)
            self.assertEqual(rknn.init_runtime('RK3399PRO', board.id), 0)
            self.assert_fails(rknn, lambda: rknn.init_runtime('rk1808', board.id), -1, 'E0808')


class Doors(boards.Case):
    """Who may come in."""

    def test_other_networks_need_a_token(self):
        done = subprocess.run(boards.command(boards.NATIVE, '--listen', '0.0.0.0:0'),
                              capture_output=True, text=True, check=False,
                              env={**os.environ, 'ORK_BOARD_TOKEN': ''})
        self.assertEqual(done.returncode, 6)
        self.assertIn('E0820', done.stderr)

    def test_tokens(self):
        (self.folder / 'token').write_text('open sesame\n')  # up to the space
        with boards.Board('--token-file', 'token', listen='0.0.0.0:0') as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            for token in (None, '', 'ope', 'openopen', 'Open'):
                with self.subTest(token), boards.environment(ORK_BOARD_TOKEN=token):
                    self.assert_fails(rknn, lambda: rknn.init_runtime(device_id=board.id), -1,
                                      'E0820', 'token')
            with boards.environment(ORK_BOARD_TOKEN='open'):
                self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
            with Host(board) as host:  # nothing is taken before the greeting
                host.send(LOAD, b'x' * 12)
                self.assertTrue(host.closed())

    def test_too_many(self):
        with boards.Board('--sessions', '1') as board, RKNN() as first, RKNN() as second:
            for rknn in (first, second):
                self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(first.init_runtime(device_id=board.id), 0)
            self.assert_fails(second, lambda: second.init_runtime(device_id=board.id), -1, 'E0821')
            first.release()
            with support.capture():
                self.assertTrue(boards.eventually(
                    lambda: second.init_runtime(device_id=board.id) == 0))

    def test_addresses(self):
        for address in ('nonsense', '127.0.0.1', '127.0.0.1:99999', ':1', '1.2.3.4:1x'):
            done = subprocess.run(boards.command(boards.NATIVE, '--listen', address),
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, done)
        with boards.Board() as board:
            done = subprocess.run(
                boards.command(boards.NATIVE, '--listen', '127.0.0.1:%d' % board.port),
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 6, done)
            self.assertIn('E0816', done.stderr)
        with RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assert_fails(rknn, lambda: rknn.init_runtime(device_id='tcp:here'), -1, 'E0804')
            self.assert_fails(rknn, lambda: rknn.init_runtime(device_id='tcp:127.0.0.1:9'), -1,
                              'E0802', 'refused', '--token-file')


class Protocol(boards.Case):
    def test_other_versions(self):
        with boards.Board() as board:
            for protocol in (0, 2, 0xffffffff):
                with Host(board) as host:
                    host.send(HELLO, hello(protocol))
                    self.assertEqual(host.error(), 'E0819')
                    self.assertTrue(host.closed())

    def test_what_is_no_frame(self):
        frames = [b'GET / HTTP/1.1\r\n\r\n', b'ORKW' + struct.pack('<IQ', 1, 1 << 63),
                  b'ORKW' + struct.pack('<IQ', 99, 0), b'ORKW' + struct.pack('<IQ', 1, 2) + b'xx']
        with boards.Board() as board:
            for frame in frames:
                with Host(board) as host:
                    host.socket.sendall(frame)
                    self.assertTrue(host.closed())
                with Host(board) as host:  # and after the greeting
                    host.greet()
                    host.socket.sendall(frame)
                    self.assertTrue(host.closed() or frame[4:8] == b'\1\0\0\0')

    def test_models_and_inputs_that_are_none(self):
        with boards.Board() as board, Host(board) as host:
            self.assertEqual(host.greet()[0], WELCOME)
            host.send(RUN, run_body(b'x' * 144))
            self.assertEqual(host.error(), 'E0005')
            host.send(LOAD, struct.pack('<III', 0, 1, 0) + b'nonsense')
            self.assertTrue(host.error().startswith('E06'))
            self.assertEqual(host.load(boards.model())[0], READY)
            host.send(RUN, run_body(b'x' * 144, dims=(1, 9, 6, 3)))
            self.assertEqual(host.error(), 'E0702')
            host.send(RUN, run_body(b'x' * 144, dtype=7))
            self.assertEqual(host.error(), 'E0703')
            host.send(RUN, struct.pack('<I', 2) + b'x' * 300)
            self.assertEqual(host.error(), 'E0701')
            host.send(RUN, run_body(b'x' * 144))  # it goes on
            self.assertEqual(host.answer()[0], RESULT)
            host.send(RUN, run_body(b'x' * 144) + b'more')
            self.assertTrue(host.closed())

    def test_answers_that_make_no_sense(self):
        answers = [b'HTTP/1.1 400 Bad Request\r\n\r\n', b'ORKW' + struct.pack('<IQ', RESULT, 0),
                   b'ORKW' + struct.pack('<IQ', WELCOME, 4) + b'\1\0\0\0',
                   b'ORKW' + struct.pack('<IQ', WELCOME, 1 << 40),
                   b'ORKW' + struct.pack('<IQ', ERROR, 2) + b'\xff\xff']
        with socket.create_server(('127.0.0.1', 0)) as listener, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            address = 'tcp:127.0.0.1:%d' % listener.getsockname()[1]
            for answer in answers:
                def serve(answer=answer):
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(answer)
                        with contextlib.suppress(ConnectionError):
                            peer.recv(4096)
                thread = threading.Thread(target=serve)
                thread.start()
                self.assert_fails(rknn, lambda: rknn.init_runtime(device_id=address), -1, 'E0819',
                                  'makes no sense')
                thread.join()


class Vanishing(boards.Case):
    def test_a_host_that_vanishes(self):
        path = boards.model()
        ways = [lambda host: None, lambda host: host.socket.sendall(b'ORK'),
                lambda host: host.greet(),
                lambda host: (host.greet(), host.socket.sendall(
                    b'ORKW' + struct.pack('<IQ', LOAD, 1 << 29) + b'x' * 1000)),
                lambda host: (host.greet(), host.load(path), host.socket.sendall(
                    b'ORKW' + struct.pack('<IQ', RUN, 4 + 76 + 144) + b'\1\0\0\0')),
                lambda host: (host.greet(), host.load(path),
                              host.send(RUN, run_body(b'x' * 144)))]
        with boards.Board() as board:
            before = board.count('fd'), board.count('task')
            for way in ways:
                for abruptly in (False, True):
                    with Host(board) as host:
                        way(host)
                        if abruptly:  # a reset in place of an orderly end
                            host.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                   struct.pack('ii', 1, 0))
            self.assertTrue(boards.eventually(
                lambda: (board.count('fd'), board.count('task')) == before))
            self.same(boards.outputs(path, picture()),
                      boards.outputs(path, picture(), device_id=board.id))

    def test_a_host_that_falls_silent_within_a_frame(self):
        with boards.Board('--patience', '1') as board, Host(board) as host:
            host.greet()
            host.socket.sendall(b'ORKW' + struct.pack('<IQ', LOAD, 1000) + b'x')
            self.assertTrue(host.closed())

    def test_hosts_that_do_not_greet(self):
        with boards.Board('--patience', '1', '--sessions', '1') as board:
            with Host(board) as first, Host(board) as second:  # the second is refused
                self.assertTrue(first.closed())
                self.assertEqual(second.answer()[0], ERROR)
            self.same(boards.outputs(boards.model(), picture()),
                      boards.outputs(boards.model(), picture(), device_id=board.id))

    def test_a_daemon_that_is_killed(self):
        with RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            for when in ('between runs', 'within a run'):
                with self.subTest(when):
                    board = boards.Board()
                    self.addCleanup(board.close)
                    self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
                    self.assertIsNotNone(rknn.inference([picture()]))
                    if when == 'between runs':
                        board.kill()
                    else:  # it takes the input, and never answers
                        boards.stop(board.process.pid)
                        killer = boards.when(lambda: boards.has_unread(board.port),
                                             board.process.kill)
                    for _ in range(2):
                        self.assert_fails(rknn, lambda: rknn.inference([picture()]), None, 'E0817',
                                          'has ended on the board', board.id)
                    if when != 'between runs':
                        killer.join()
            with boards.Board() as board:  # all is well with another
                self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
                self.same(rknn.inference([picture()]), boards.outputs(boards.model(), picture()))

    def test_a_daemon_that_ends_itself(self):
        with boards.Board('--idle', '1', '--port-file', 'port') as board:
            self.assertEqual((self.folder / 'port').read_text(), str(board.port))
            self.assertEqual(board.process.wait(), 0)
        self.assertEqual(self.written(), [])

    def test_again_and_again(self):
        times = int(os.environ.get('ORK_REPEAT', '20'))
        path = boards.model()
        expected = boards.outputs(path, picture())
        with boards.Board() as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(path), 0)
            mine = len(os.listdir('/proc/self/fd'))
            for turn in range(times):
                self.assertEqual(rknn.init_runtime(device_id=board.id), 0, rknn.last_error)
                self.same(rknn.inference([picture()]), expected)
                if turn == times // 4:
                    memory = boards.memory(board.process.pid)
            rknn.release()
            self.assertEqual(len(os.listdir('/proc/self/fd')), mine)
            self.assertTrue(boards.eventually(lambda: board.count('task') <= 2))
            self.assertTrue(boards.eventually(lambda: board.count('fd') <= 7))
            self.assertLess(boards.memory(board.process.pid), memory + (4 << 20))


class Interrupting(boards.Case):
    def test_a_signal_while_a_board_does_not_answer(self):
        class Pressed(Exception):
            pass

        def press(*ignored):
            raise Pressed
        with boards.Board() as board, RKNN() as rknn:
            self.assertEqual(rknn.load_rknn(boards.model()), 0)
            self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
            boards.stop(board.process.pid)  # it can never answer
            before = signal.signal(signal.SIGALRM, press)
            presser = boards.when(lambda: boards.has_unread(board.port),
                                  lambda: os.kill(os.getpid(), signal.SIGALRM))
            try:
                with self.assertRaises(Pressed):
                    rknn.inference([picture()])
            finally:
                presser.join()
                signal.signal(signal.SIGALRM, before)
                os.kill(board.process.pid, signal.SIGCONT)
            self.assert_fails(rknn, lambda: rknn.inference([picture()]), None, 'E0005', 'cancelled')
            self.assertEqual(rknn.init_runtime(device_id=board.id), 0)
            self.assertIsNotNone(rknn.inference([picture()]))


if __name__ == '__main__':
    unittest.main()
