# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the adbd of a board: a device of this computer that the real adb server connects
with. It speaks adb's device protocol (CNXN, OPEN, OKAY, WRTE, CLSE) with the services shell:, tcp:
and sync: (SEND, STAT), for a board whose files lie in a folder and whose programs run here.

Programs for another architecture run under an emulator, by way of tests/device/foreign.c, which is
loaded into the device's shells."""
import os
import pathlib
import queue
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

MOST = 1 << 20
VERSION = 0x01000001
IDENTITY = b'device::ro.product.name=evb;ro.product.model=RK1808_EVB;ro.product.device=evb;\0'


class Gone(Exception):
    """The transport or the stream has ended."""


class Stream:
    """One service that a host has opened."""

    def __init__(self, transport, number, remote):
        self.transport, self.number, self.remote = transport, number, remote
        self.incoming, self.allowed = queue.Queue(), queue.Queue()
        self.rest = b''

    def write(self, data):
        for start in range(0, len(data), MOST):
            self.transport.send(b'WRTE', self.number, self.remote, data[start:start + MOST])
            if not self.allowed.get():
                raise Gone

    def some(self):
        data, self.rest = self.rest, b''
        if data:
            return data
        data = self.incoming.get()
        if data is None:
            raise Gone
        self.transport.send(b'OKAY', self.number, self.remote)
        return data

    def read(self, size):
        data = b''
        while len(data) < size:
            data += self.some()
        self.rest = data[size:]
        return data[:size]

    def end(self):
        self.incoming.put(None)
        self.allowed.put(False)


class Transport:
    """A connection of the adb server."""

    def __init__(self, device, peer):
        self.device, self.socket = device, peer
        self.lock, self.streams, self.count = threading.Lock(), {}, 0

    def send(self, command, first, second, data=b''):
        head = struct.pack('<4sIIIII', command, first, second, len(data), sum(data) & 0xffffffff if
                           len(data) < 64 else 0, int.from_bytes(command, 'little') ^ 0xffffffff)
        try:
            with self.lock:
                self.socket.sendall(head + data)
        except OSError as error:
            raise Gone from error

    def take(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except OSError as error:
                raise Gone from error
            if not part:
                raise Gone
            data += part
        return bytes(data)

    def serve(self):
        try:
            while True:
                command, first, second, size, _, _ = struct.unpack('<4sIIIII', self.take(24))
                self.handle(command, first, second, self.take(size))
        except Gone:
            pass
        finally:
            for stream in list(self.streams.values()):
                stream.end()
            self.socket.close()

    def handle(self, command, first, second, data):
        if command == b'CNXN':
            self.send(b'CNXN', VERSION, MOST, IDENTITY)
        elif command == b'OPEN':
            self.count += 1
            stream = self.streams[self.count] = Stream(self, self.count, first)
            threading.Thread(target=self.run, daemon=True,
                             args=(stream, data.rstrip(b'\0').decode())).start()
        elif second in self.streams:
            stream = self.streams[second]
            if command == b'WRTE':
                stream.incoming.put(data)
            elif command == b'OKAY':
                stream.allowed.put(True)
            elif command == b'CLSE':
                stream.end()

    def run(self, stream, service):
        try:
            self.device.run(stream, service)
            self.send(b'CLSE', stream.number, stream.remote)
        except Gone:
            pass
        finally:
            self.streams.pop(stream.number, None)


class Device:
    """A board. machine: what its uname says; emulator: the command that runs its programs, [] for
    those of this computer, None where nothing can run them; space: bytes on its disk."""

    def __init__(self, machine, chip, emulator, foreign, space=1 << 40):
        self.machine, self.chip, self.emulator, self.foreign = machine, chip, emulator, foreign
        self.space, self.pushes, self.plugged = space, 0, True
        self.root = pathlib.Path(tempfile.mkdtemp(prefix='ork-adbd-'))
        self.folder = self.root / 'tmp'
        (self.root / 'bin').mkdir()
        self.folder.mkdir()
        uname = self.root / 'bin' / 'uname'
        uname.write_text('#!/bin/sh\necho %s\n' % machine)
        uname.chmod(0o755)
        self.transports = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.serial = '127.0.0.1:%d' % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    # ---- the cable ----

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if not self.plugged:
                peer.close()
                continue
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = Transport(self, peer)
            self.transports.append(transport)
            threading.Thread(target=transport.serve, daemon=True).start()

    def unplug(self):
        self.plugged = False
        for transport in self.transports:
            try:
                transport.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.transports.clear()

    def plug_in(self):
        self.plugged = True

    # ---- its programs ----

    def environment(self):
        kept = {name: value for name, value in os.environ.items()
                if name not in ('LD_PRELOAD', 'ORK_BOARD_FOLDER', 'ORK_BOARD_TOKEN')}
        emulator = '!' if self.emulator is None else ' '.join(self.emulator)
        return {**kept, 'PATH': '%s/bin:%s' % (self.root, kept['PATH']), 'TMPDIR': str(self.folder),
                'ORK_BOARD_CHIP': self.chip, 'ORK_FOREIGN': emulator, 'LD_PRELOAD': self.foreign}

    def processes(self):
        """Those that were started from its folder."""
        found = []
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and str(self.root) in pathlib.Path(
                        '/proc', name, 'cmdline').read_text():
                    found.append(int(name))
            except OSError:
                pass
        return found

    def daemons(self):
        return [pid for pid in self.processes() if '--background' in pathlib.Path(
            '/proc/%d/cmdline' % pid).read_text().split('\0')]

    def port(self):
        return int(next(self.folder.glob('*.port')).read_text())

    def signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def close(self):
        self.unplug()
        self.listener.close()
        self.signal(signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    # ---- services ----

    def run(self, stream, service):
        kind, _, rest = service.partition(':')
        handlers = {'shell': self.shell, 'tcp': self.tcp, 'sync': self.sync}
        if kind not in handlers:
            return
        handlers[kind](stream, rest)

    def begin(self, stream):
        stream.transport.send(b'OKAY', stream.number, stream.remote)

    def shell(self, stream, command):
        self.begin(stream)
        with subprocess.Popen(['/bin/sh', '-c', command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.root,
                              env=self.environment()) as process:
            for data in iter(lambda: process.stdout.read1(4096), b''):
                stream.write(data)

    def tcp(self, stream, port):
        try:
            target = socket.create_connection(('127.0.0.1', int(port)))
        except OSError:
            return
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begin(stream)
        pump = threading.Thread(target=self.pump_in, args=(stream, target), daemon=True)
        pump.start()
        try:
            for data in iter(lambda: target.recv(MOST), b''):
                stream.write(data)
        except OSError:
            pass
        finally:
            stream.end()
            pump.join()
            target.close()

    @staticmethod
    def pump_in(stream, target):
        try:
            while True:
                target.sendall(stream.some())
        except (Gone, OSError):
            try:
                target.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def sync(self, stream, _):
        self.begin(stream)
        while True:
            word, size = struct.unpack('<4sI', stream.read(8))
            if word == b'QUIT':
                return
            path = stream.read(size).decode()
            if word == b'SEND':
                if not self.receive(stream, *path.rsplit(',', 1)):
                    return
            else:
                self.fail(stream, 'unknown request')
                return

    @staticmethod
    def fail(stream, text):
        stream.write(b'FAIL' + struct.pack('<I', len(text)) + text.encode())

    def receive(self, stream, path, mode):
        self.pushes += 1
        used = sum(file.stat().st_size for file in self.folder.iterdir())
        problem = None
        with open(path, 'wb') as file:
            while True:
                word, size = struct.unpack('<4sI', stream.read(8))
                if word == b'DONE':
                    break
                data = stream.read(size)
                used += size
                if used > self.space and not problem:  # told at once; the rest is thrown away
                    problem = 'write failed: No space left on device'
                    self.fail(stream, problem)
                if not problem:
                    file.write(data)
        os.chmod(path, int(mode) & 0o777)
        if not problem:
            stream.write(b'OKAY' + struct.pack('<I', 0))
        return not problem
