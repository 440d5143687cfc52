# SPDX-License-Identifier: Apache-2.0
"""The server of `ork gui` from outside: who is let in, what stays inside the folder, what hostile and slow
clients get, and jobs from their start to their end.

usage: test_server.py ORK EXAMPLES"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

ORK = pathlib.Path(sys.argv[1]).resolve()
EYES = pathlib.Path(sys.argv[2]).resolve() / 'eyes'
PREPROCESS = {'input-size': ['3x416x416'], 'mean': '123.675 116.28 103.53', 'std': '58.395 57.12 57.375'}


class Server(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='ork-gui-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        shutil.copy(EYES / 'eyes.pt', cls.folder)
        cls.pictures = cls.folder / 'pictures'
        cls.pictures.mkdir()
        for path in sorted((EYES / 'calibration').iterdir())[:4]:
            shutil.copy(path, cls.pictures)
        names = sorted(path.name for path in cls.pictures.iterdir())
        (cls.folder / 'list.txt').write_text(''.join('pictures/%s\n' % name for name in names))
        (cls.folder / 'endless.txt').write_text(''.join('pictures/%s\n' % name for name in names * 5000))
        (cls.folder / 'outside').symlink_to('/etc')
        cls.process = subprocess.Popen([ORK, 'gui', cls.folder, '--no-browser', '--json'], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.stop)
        text = ''
        while not text.endswith('}\n'):
            text += cls.process.stdout.readline()
        address = urllib.parse.urlsplit(json.loads(text)['address'])
        cls.port, cls.token = address.port, urllib.parse.parse_qs(address.query)['token'][0]

    @classmethod
    def stop(cls):
        cls.process.send_signal(signal.SIGINT)
        cls.process.wait(timeout=60)
        cls.process.stdout.close()

    def ask(self, method, path, body=None, headers=None, token=True):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        cookie = {'Cookie': 'ork-%d=%s' % (self.port, self.token)} if token else {}
        connection.request(method, path, body, {**cookie, **(headers or {})})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def status(self, *arguments, **named):
        return self.ask(*arguments, **named)[0].status

    def good(self, *arguments, **named):
        answer, data = self.ask(*arguments, **named)
        self.assertEqual(answer.status, 200, data)
        return json.loads(data)

    def start(self, verb, arguments, **options):
        return self.good('POST', '/api/jobs', json.dumps({'verb': verb, 'arguments': arguments, 'options': options}))['number']

    def end(self, number):
        while True:
            job = self.good('GET', '/api/jobs/%d' % number)
            if job['state'] in ('done', 'failed', 'cancelled'):
                return job
            time.sleep(0.02)


class Gate(Server):
    def test_token(self):
        answer, _ = self.ask('GET', '/?token=' + self.token, token=False)
        self.assertEqual((answer.status, answer.headers['Location']), (303, '/'))
        cookie = answer.headers['Set-Cookie']
        self.assertIn('HttpOnly', cookie)
        self.assertIn('SameSite=Strict', cookie)
        for path in ('/', '/api/files', '/page/main.js', '/files/eyes.pt', '/api/jobs'):
            self.assertEqual(self.status('GET', path, token=False), 401, path)
            self.assertEqual(self.status('GET', path), 200, path)
        wrong = self.token[:-1] + ('0' if self.token[-1] != '0' else '1')
        self.assertEqual(self.status('GET', '/?token=' + wrong, token=False), 401)
        self.assertEqual(self.status('GET', '/?token=', token=False), 401)

    def test_host_and_origin(self):
        for host in ('evil.example', '127.0.0.1', '127.0.0.1:1', 'localhost', 'evil.example:%d' % self.port):
            self.assertEqual(self.status('GET', '/api/files', headers={'Host': host}), 421, host)
        self.assertEqual(self.status('GET', '/api/files', headers={'Host': 'localhost:%d' % self.port}), 200)
        for origin in ('http://evil.example', 'https://127.0.0.1:%d' % self.port, 'null', 'http://127.0.0.1:1'):
            self.assertEqual(self.status('POST', '/api/jobs', '{}', headers={'Origin': origin}), 403, origin)
        own = {'Origin': 'http://127.0.0.1:%d' % self.port}
        self.assertEqual(self.status('GET', '/api/files', headers=own), 200)

    def test_policy(self):
        answer, _ = self.ask('GET', '/')
        self.assertIn("default-src 'none'", answer.headers['Content-Security-Policy'])
        self.assertNotIn('unsafe', answer.headers['Content-Security-Policy'])
        (self.folder / 'report.html').write_text('<p>x')
        answer, _ = self.ask('GET', '/files/report.html')
        self.assertIn('sandbox', answer.headers['Content-Security-Policy'])
        self.assertEqual(answer.headers['X-Content-Type-Options'], 'nosniff')

    def test_only_this_machine(self):
        inodes = pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]
        local = [line.split()[1] for line in inodes if line.split()[3] == '0A']
        self.assertIn('0100007F:%04X' % self.port, local)
        self.assertNotIn('00000000:%04X' % self.port, local)

    def test_paths(self):
        for path in ('/files/../x', '/files/%2e%2e/x', '/files//etc/passwd', '/files/outside/passwd', '/files/.hidden',
                     '/files/pictures/../../x', '/files/', '/files/a%5Cb', '/files/' + 'a/' * 600):
            self.assertEqual(self.status('GET', path), 404, path)
            self.assertIn(self.status('PUT', path, b'x'), (403, 409), path)
        self.assertEqual(self.status('GET', '/page/../web.h'), 404)
        self.assertEqual(self.status('GET', '/nothing'), 404)
        self.assertEqual(self.status('PUT', '/api/files'), 405)
        self.assertEqual(self.status('POST', '/api/files'), 405)

    def test_uploads(self):
        data = os.urandom(3000000)
        self.assertEqual(self.status('PUT', '/files/new.onnx', data), 201)
        self.assertEqual((self.folder / 'new.onnx').read_bytes(), data)
        self.assertEqual(self.status('PUT', '/files/new.onnx', b'other'), 409)
        self.assertEqual(self.status('PUT', '/files/new.onnx?replace=1', b'other'), 201)
        self.assertEqual(self.ask('GET', '/files/new.onnx')[1], b'other')
        self.assertEqual(self.status('PUT', '/files/absent/new.onnx', b'x'), 403)
        self.assertEqual(self.status('PUT', '/files/foreign.onnx', b'x', token=False), 401)
        connection = socket.create_connection(('127.0.0.1', self.port))
        connection.sendall(b'PUT /files/half.onnx HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: ork-%d=%s\r\n'
                           b'Content-Length: 100\r\n\r\nhalf' % (self.port, self.port, self.token.encode()))
        connection.close()
        self.good('GET', '/api/files')
        names = [path.name for path in self.folder.iterdir()]
        while any(name.startswith('half.onnx.') for name in names):  # the server has not noticed yet
            names = [path.name for path in self.folder.iterdir()]
        self.assertNotIn('half.onnx', names)
        self.assertNotIn('foreign.onnx', names)

    def test_what_is_no_command(self):
        for body in ('', '{', '[]', '{"verb": 1}', '{"verb": "gui"}', '{"verb": "explain"}', '{"verb": "convert", "arguments": "a"}',
                     '{"verb": "convert", "arguments": ["/etc/passwd"]}', '{"verb": "convert", "arguments": ["../a.pt"]}',
                     '{"verb": "convert", "arguments": ["outside/passwd"]}', '{"verb": "convert", "arguments": ["--help"]}',
                     '{"verb": "convert", "arguments": ["a", "b"]}', '{"verb": "convert", "options": {"output": "/tmp/x"}}',
                     '{"verb": "convert", "options": {"nothing": 1}}', '{"verb": "convert", "options": {"quantize": ["u8"]}}',
                     '{"verb": "convert", "options": []}', '{"verb": "calib", "arguments": ["erase", "pictures"]}',
                     '{"verb": "detect", "arguments": ["eyes.pt", "/dev/zero"]}', '[' * 200):
            for path in ('/api/command', '/api/jobs'):
                self.assertEqual(self.status('POST', path, body), 400, body)
        self.assertEqual(self.status('POST', '/api/command', ' ' * (1 << 20) + '{}'), 413)

    def test_commands_as_text(self):
        told = self.good('POST', '/api/command', json.dumps({
            'verb': 'convert', 'arguments': ['eyes.pt'],
            'options': {'dataset': 'list.txt', 'target': "rv'1126", 'vendor-exact': True, 'max-drop': '0.5', **PREPROCESS}}))
        self.assertEqual(told['shell'], "ork convert eyes.pt --dataset=list.txt '--target=rv'\\''1126' --vendor-exact --max-drop=0.5 "
                         "--input-size=3x416x416 '--mean=123.675 116.28 103.53' '--std=58.395 57.12 57.375'")
        self.assertIn("rknn.load_pytorch('eyes.pt', input_size_list=[[3, 416, 416]])", told['python'])
        self.assertIn("mean_values=[[123.675, 116.28, 103.53]]", told['python'])
        self.assertIn("target_platform=['rv\\'1126']", told['python'])
        self.assertIn('max_drop=0.5, vendor_exact=True', told['python'])
        compile(told['python'], 'lines', 'exec')


class Clients(Server):
    def memory(self):
        status = pathlib.Path('/proc/%d/status' % self.process.pid).read_text()
        return int(status.split('VmRSS:')[1].split()[0]) * 1024

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def raw(self, data):
        """What the server answers to bytes; empty when it closes without."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=60) as connection:
            answer = b''
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has closed already; what it said can be read
            try:
                while part := connection.recv(4096):
                    answer += part
            except ConnectionResetError:
                pass
        return answer

    def test_malformed(self):
        for data in (b'', b'\r\n\r\n', b'GET', b'GET / HTTP/9.9\r\n\r\n', b'\0' * 1000, b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\n\r\n',
                     b'GET / HTTP/1.1\r\nHost: a\r\n' + b'X: y\r\n' * 20000 + b'\r\n',
                     b'POST /api/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n',
                     b'POST /api/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'):
            answer = self.raw(data)
            self.assertTrue(not answer or answer[:10] in (b'HTTP/1.1 4', b'HTTP/1.1 5'), (data[:60], answer[:60]))
        self.good('GET', '/api/files')

    def test_many_at_once(self):
        """More connections than are served: the others wait or are refused, and memory stays as it was."""
        self.good('GET', '/api/files')
        before, files = self.memory(), self.descriptors()
        for _ in range(20):
            waiting = [socket.socket() for _ in range(500)]
            for connection in waiting:  # none waits for the server
                connection.setblocking(False)
                connection.connect_ex(('127.0.0.1', self.port))
            for connection in waiting:
                try:
                    connection.send(b'GET / HTTP/1.1\r\nHo')
                except OSError:
                    pass
            self.assertLess(self.descriptors(), files + 270)
            for connection in waiting:
                connection.close()
        self.good('GET', '/api/files')
        self.assertLess(self.memory(), before + (16 << 20))


class Jobs(Server):
    def test_same_as_the_command(self):
        number = self.start('convert', ['eyes.pt'], output='page.rknn', dataset='list.txt', **{'vendor-exact': True}, **PREPROCESS)
        job = self.end(number)
        self.assertEqual((job['state'], job['exit_code']), ('done', 0), job['log'])
        self.assertTrue(job['total'] > 0 and job['done'] == job['total'], job)
        self.assertEqual(self.good('GET', '/api/jobs/%d/result' % number)['output'], 'page.rknn')
        command = job['command'].replace('page.rknn', 'shell.rknn').replace('ork ', '"$ORK" ', 1)
        subprocess.run(['sh', '-c', command], cwd=self.folder, env={**os.environ, 'ORK': str(ORK)}, check=True, capture_output=True)
        self.assertEqual((self.folder / 'page.rknn').read_bytes(), (self.folder / 'shell.rknn').read_bytes())

    def test_failure(self):
        number = self.start('check', ['list.txt'])
        self.assertEqual(self.end(number)['state'], 'failed')
        self.assertIn('error', self.good('GET', '/api/jobs/%d/result' % number))

    def test_cancel(self):
        number = self.start('convert', ['eyes.pt'], output='never.rknn', dataset='endless.txt', **PREPROCESS)
        while self.good('GET', '/api/jobs/%d' % number)['done'] == 0:
            time.sleep(0.02)
        self.good('DELETE', '/api/jobs/%d' % number)
        job = self.end(number)
        self.assertEqual((job['state'], job['exit_code']), ('cancelled', 130))
        self.assertEqual([path.name for path in self.folder.iterdir() if path.name.startswith('never')], [])

    def test_crash(self):
        """Work that dies takes nothing with it."""
        number = self.start('convert', ['eyes.pt'], output='dies.rknn', dataset='endless.txt', **PREPROCESS)
        while self.good('GET', '/api/jobs/%d' % number)['done'] == 0:
            time.sleep(0.02)
        children = pathlib.Path('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)).read_text().split()
        os.kill(int(children[0]), signal.SIGSEGV)
        job = self.end(number)
        self.assertEqual(job['state'], 'failed')
        self.assertIn('signal 11', job['log'])
        self.assertEqual(self.end(self.start('info', ['eyes.pt'], **{'input-size': ['3x416x416']}))['state'], 'done')

    def test_queue(self):
        numbers = [self.start('convert', ['eyes.pt'], output='queue.rknn', dataset='endless.txt', **PREPROCESS) for _ in range(5)]
        states = [job['state'] for job in self.good('GET', '/api/jobs') if job['number'] in numbers]
        self.assertEqual(sorted(states), ['running'] * 2 + ['waiting'] * 3)
        for number in reversed(numbers):
            self.good('DELETE', '/api/jobs/%d' % number)
        self.assertEqual({self.end(number)['state'] for number in numbers}, {'cancelled'})
        self.assertEqual(self.status('GET', '/api/jobs/9999'), 404)
        self.assertEqual(self.status('GET', '/api/jobs/x'), 404)


class End(Server):
    def test_work_ends_with_the_server(self):
        self.start('convert', ['eyes.pt'], output='left.rknn', dataset='endless.txt', **PREPROCESS)
        children = []
        while not children:
            children = pathlib.Path('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)).read_text().split()
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(timeout=60), 0)
        self.assertFalse(pathlib.Path('/proc/' + children[0]).exists())


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], '-v'])
