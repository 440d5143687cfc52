# SPDX-License-Identifier: Apache-2.0
"""The program from outside: texts, exit codes, JSON, files. Needs Python's standard library only.

usage: test_cli.py ORK EXAMPLES   (EXAMPLES holds eyes/eyes.pt; without it model tests are skipped)"""
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from interrupt import interrupt

ORK = pathlib.Path(sys.argv[1]).resolve()
EYES = pathlib.Path(sys.argv[2]).resolve() / 'eyes' if len(sys.argv) > 2 else None
MODEL = EYES / 'eyes.pt' if EYES else None
SIZE = ('--input-size', '3x416x416')  # the file does not record it
DATA = pathlib.Path(__file__).resolve().parents[1] / 'data'
WITHOUT_ADB = {'ORK_ADB': '/nowhere', 'ANDROID_ADB_SERVER_PORT': '9'}  # the user's is left alone
HAS_MODEL = bool(MODEL and MODEL.is_file())
VERBS = ['convert', 'hybrid', 'check', 'perf', 'memory', 'info', 'diff', 'graph', 'run', 'compare', 'devices', 'doctor', 'bench', 'npu', 'detect',
         'eval', 'analyze', 'calib', 'calibrate', 'gui', 'explain', 'completion', 'help', 'version']


def ork(*arguments, **environment):
    result = subprocess.run([ORK, *map(str, arguments)], capture_output=True, timeout=600,
                            env={**os.environ, **WITHOUT_ADB, **environment}, check=False)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    return result


def png(path, width, height):
    """A picture with a gradient, written by hand."""
    def chunk(kind, data):
        return (struct.pack('>I', len(data)) + kind + data +
                struct.pack('>I', zlib.crc32(kind + data)))
    rows = b''.join(b'\0' + bytes((x * 255 // width, y * 255 // height, 128)[c]
                                  for x in range(width) for c in range(3)) for y in range(height))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' +
                     chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
                     chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


class Base(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='ork-cli-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def good(self, *arguments, **environment):
        result = ork(*arguments, **environment)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def fails(self, code, error, *arguments):
        result = ork(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertIn(f'error {error}', result.stderr)
        self.assertEqual(result.stdout, '')
        return result


class Texts(Base):
    def test_every_verb_has_help_with_examples(self):
        overview = self.good('help').stdout
        for verb in VERBS:
            self.assertRegex(overview, rf'(?m)^  {verb} +\w')
            text = self.good(verb, '--help').stdout
            self.assertEqual(text, self.good('help', verb).stdout)
            self.assertTrue(text.startswith(f'Usage: ork {verb} '), text)
            self.assertIn('Examples:\n  ork ' + verb, text)
            self.assertTrue(all(len(line) <= 100 for line in text.splitlines()), text)

    def test_options_of_help_are_taken(self):
        """Every option in a help text is known to the parser."""
        for verb in VERBS:
            for option in re.findall(r'(?m)^  (?:-\w, |    )--([a-z-]+)', self.good('help', verb).stdout):
                result = ork(verb, f'--{option}', '--help')
                self.assertNotIn('there is no option', result.stderr, option)

    def test_version(self):
        self.assertRegex(self.good('--version').stdout, r'^ork \d+\.\d+\.\d+\n$')
        self.assertEqual(self.good('version').stdout, self.good('--version').stdout)
        self.assertRegex(json.loads(self.good('version', '--json').stdout)['version'], r'^\d')

    def test_nothing_is_a_usage_error(self):
        result = ork()
        self.assertEqual(result.returncode, 2)
        self.assertIn('Usage: ork VERB', result.stderr)

    def test_explain(self):
        one = self.good('explain', 'E0203').stdout
        self.assertIn('torch-not-traced', one)
        self.assertEqual(one, self.good('explain', 'torch-not-traced').stdout)
        listed = json.loads(self.good('explain', '--json').stdout)['errors']
        self.assertEqual([row['id'] for row in listed], sorted(row['id'] for row in listed))
        self.assertGreater(len(listed), 30)
        self.assertIn('did you mean torch-not-traced?',
                      self.fails(2, 'E0004', 'explain', 'torch-not-tracd').stderr)

    def test_manual(self):
        """All verbs and options are in it, and roff has nothing to say against it."""
        page = self.good('help', '--man').stdout
        path = self.folder / 'ork.1'
        path.write_text(page)
        self.assertEqual([line for line in page.splitlines() if len(line) > 200], [])
        checkers = [('man', '--warnings', '-E', 'UTF-8', '-l', path), ('groff', '-ww', '-man', '-Tutf8', path)]
        checkers = [command for command in checkers if shutil.which(command[0])]
        for command in checkers:
            shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                                   env={**os.environ, 'MANWIDTH': '100', 'LC_ALL': 'C.UTF-8', 'GROFF_NO_SGR': '1'})
            self.assertEqual((shown.returncode, shown.stderr), (0, ''))
            text = re.sub('.\b', '', shown.stdout)
            for verb in VERBS:
                self.assertRegex(text, rf'ork {verb} ')
                for option in re.findall(r'(?m)^  (?:-\w, |    )(--[a-z-]+)', self.good('help', verb).stdout):
                    self.assertIn(option, text)
            self.assertIn("subtracted from each channel: '123.675 116.28 103.53'", text)
        if not checkers:
            self.skipTest('no man and no groff')

    def test_completion_is_bash(self):
        script = self.good('completion', 'bash').stdout
        bash = shutil.which('bash')
        if not bash:
            self.skipTest('no bash')
        check = (script + '\nCOMP_WORDS=(ork detect --ell); COMP_CWORD=2; _ork; echo "${COMPREPLY[@]}"'
                 '\nCOMP_WORDS=(ork conv); COMP_CWORD=1; _ork; echo "${COMPREPLY[@]}"'
                 '\nCOMP_WORDS=(ork run --color n); COMP_CWORD=3; _ork; echo "${COMPREPLY[@]}"')
        out = subprocess.run([bash, '-c', check], capture_output=True, text=True, check=True).stdout
        self.assertEqual(out.split(), ['--ellipse', 'convert', 'never'])
        self.fails(2, 'E0004', 'completion', 'fish')

    def test_config_keys_are_listed(self):
        text = self.good('convert', '--help-config').stdout
        rows = json.loads(self.good('convert', '--help-config', '--json').stdout)['keys']
        self.assertIn('mean_values', [row['name'] for row in rows])
        for row in rows:
            self.assertIn(row['name'], text)


class Usage(Base):
    def test_unknown_names_get_a_suggestion(self):
        self.assertIn('did you mean convert?', self.fails(2, 'E0004', 'covnert').stderr)
        self.assertIn('did you mean --dataset?',
                      self.fails(2, 'E0004', 'convert', 'x.pt', '--datset', 'a').stderr)
        self.assertNotIn('did you mean', self.fails(2, 'E0004', 'qqqqqqqqq').stderr)
        self.fails(2, 'E0004', 'convert', '-Z', 'x.pt')

    def test_bad_values(self):
        for bad in (['--threads', 'x'], ['--threads', '-1'], ['--threads', '1.5'], ['--level', '7'],
                    ['--color', 'red'], ['--threads'], ['--quiet=1'], ['--batch', '0']):
            self.fails(2, 'E0004', 'convert', 'x.pt', *bad)
        self.fails(2, 'E0004', 'detect', 'x.rknn', 'y.jpg', '--score', '1.5')

    def test_wrong_number_of_arguments(self):
        self.fails(2, 'E0004', 'info')
        self.fails(2, 'E0004', 'info', 'a', 'b')
        self.fails(2, 'E0004', 'convert')

    def test_spellings_of_options(self):
        """Abbreviations, joined values and letters lead to the same missing file."""
        for options in (['--threads=2'], ['--thr', '2'], ['-t2'], ['-t', '2'], ['-qt2']):
            self.fails(8, 'E0101', 'info', *options, self.folder / 'absent.rknn')
        self.fails(8, 'E0101', 'info', '--', self.folder / '--absent.rknn')
        self.fails(2, 'E0004', 'detect', '--l', 'x', 'a', 'b')  # labels or letterbox

    def test_errors_as_json(self):
        result = ork('info', self.folder / 'absent.rknn', '--json')
        self.assertEqual(result.returncode, 8)
        document = json.loads(result.stdout)
        self.assertEqual(document['schema_version'], 1)
        self.assertEqual(document['error']['id'], 'E0101')
        self.assertEqual(document['error']['exit_code'], 8)
        self.assertEqual(json.loads(ork('info', '--json', '--nonsense').stdout)['error']['id'], 'E0004')
        name = os.fsencode(self.folder) + b'/\xff\x01"\\.rknn'
        raw = subprocess.run([ORK, 'info', '--json', name], capture_output=True, check=False)
        self.assertEqual(json.loads(raw.stdout)['error']['id'], 'E0101')

    @unittest.skipUnless(os.path.exists('/dev/full'), 'there is no /dev/full')
    def test_output_that_cannot_be_written(self):
        for arguments in (['help'], ['help', '--man'], ['explain', '--json'], ['version', '--json']):
            with open('/dev/full', 'w') as full:
                result = subprocess.run([ORK, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
            self.assertEqual(result.returncode, 8, arguments)
            self.assertIn(b'error E0102: the output could not be written', result.stderr)

    def test_colour(self):
        self.assertIn('\033[', ork('covnert', '--color', 'always').stderr +
                      ork('info', 'absent', '--color=always').stderr)
        self.assertNotIn('\033[', ork('info', 'absent').stderr)
        terminal = self.on_terminal(['info', 'absent'])
        self.assertIn(b'\033[', terminal)
        self.assertNotIn(b'\033[', self.on_terminal(['info', 'absent', '--color=never']))
        self.assertNotIn(b'\033[', self.on_terminal(['info', 'absent'], NO_COLOR='1'))

    def on_terminal(self, arguments, **environment):
        main, side = pty.openpty()
        env = {k: v for k, v in os.environ.items() if k != 'NO_COLOR'}
        env.update(environment, TERM='xterm')
        subprocess.run([ORK, *arguments], stderr=side, stdout=subprocess.DEVNULL, env=env, check=False)
        os.close(side)
        text = os.read(main, 10000)
        os.close(main)
        return text

    def test_quantizing_needs_samples(self):
        self.fails(5, 'E0404', 'convert', 'x.pt', '--quantize', 'u8')
        empty = self.folder / 'empty'
        empty.mkdir()
        self.fails(5, 'E0403', 'convert', 'x.pt', '--dataset', empty)
        png(empty / '"it\'s".png', 8, 8)
        self.assertIn('both kinds of quotes',
                      self.fails(5, 'E0402', 'convert', 'x.pt', '--dataset', empty).stderr)

    def test_outputs_are_looked_at_before_the_work(self):
        """The model is not even there."""
        (self.folder / 'file').write_text('')
        for place in (self.folder / 'absent' / 'x', self.folder / 'file' / 'x'):
            for arguments in (['convert', 'x.pt', '-o', place], ['run', 'x.rknn', 'y.png', '--npy-out', place],
                              ['detect', 'x.rknn', 'y.png', '-o', place],
                              ['detect', 'x.rknn', 'y.png', '-o', f'{place}.png'],
                              ['detect', 'x.rknn', 'y.png', '--no-output', '--json', place]):
                self.assertIn('cannot write', self.fails(8, 'E0102', *arguments).stderr)
        self.fails(8, 'E0102', 'convert', 'x.pt', '-o', self.folder)
        self.fails(8, 'E0102', 'run', 'x.rknn', 'y.png', '--npy-out', self.folder / 'file')
        self.fails(8, 'E0101', 'run', 'x.rknn', 'y.png', '--npy-out', self.folder / 'new/')
        self.assertEqual([path.name for path in self.folder.iterdir()], ['file'])

    def test_a_model_is_never_overwritten_by_itself(self):
        self.fails(2, 'E0004', 'convert', 'x.rknn')

    def test_detect_without_pictures(self):
        self.fails(8, 'E0101', 'detect', 'x.rknn', 'a.png', '--labels', self.folder / 'absent')
        self.fails(5, 'E0403', 'detect', 'x.rknn', self.folder)
        self.fails(2, 'E0004', 'detect', 'x.rknn', 'a.png', 'b.png', '-o', 'one.png')

    def test_no_model(self):
        text = self.folder / 'text.rknn'
        text.write_text('this is no model')
        result = ork('info', text)
        self.assertIn(result.returncode, (3, 4), result.stderr)
        self.assertRegex(result.stderr, r'error E0[26]\d\d')


NET = """graph "net" imported {
  input %0 "x" f32[1x8x32x32]
  const %1 "w" f32[8x1x3x3] random 1
  const %2 "w2" f32[8x8x12x12] random 2
  %3 "stem<&>" f32[1x8x32x32] = conv2d(%0, %1, _) stride [1 1] dilation [1 1] pad [1 1 1 1] groups 8
  %4 "act" f32[1x8x32x32] = silu(%3)
  %5 "large" f32[1x8x21x21] = conv2d(%4, %2, _) stride [1 1] dilation [1 1] groups 1
  %6 "sign" f32[1x8x21x21] = sign(%5)
  output %6
}
"""


class TextForm(Base):
    """Verbs that look at a network, on one in its text form."""

    def write(self, name, text=NET):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_text_form_is_a_model(self):
        text = self.good('info', self.write('net.txt'), '--graph', '--constants').stdout
        again = self.write('again.txt', text)
        self.assertEqual(text, self.good('info', again, '--graph', '--constants').stdout)
        self.assertEqual(json.loads(self.good('info', again, '--json').stdout)['format'], 'text')
        error = self.fails(3, 'E0210', 'info', self.write('bad.txt', 'graph "x" imported {\n  what'))
        self.assertIn('line 2', error.stderr)

    def test_perf(self):
        net = self.write('net.txt')
        text = self.good('perf', net, '--target', 'rv1126', '--sort', '--top', '1').stdout
        self.assertIn('estimated for rv1126 (NPU 934 MHz, memory 934 MHz)', text)
        self.assertEqual(len(text.splitlines()), 4)
        document = json.loads(ork('perf', net, '--json').stdout)
        self.assertEqual((document['target'], document['kind']), ('rk1808', 'estimated'))
        self.assertAlmostEqual(document['microseconds'],
                               sum(layer['microseconds'] for layer in document['layers']), places=3)
        slower = json.loads(ork('perf', net, '--json', '--float').stdout)
        self.assertGreater(slower['microseconds'], document['microseconds'])
        self.fails(2, 'E0305', 'perf', net, '--target', 'rk9999')
        text = self.good('perf', net, '--advise').stdout
        document = json.loads(ork('perf', net, '--advise', '--json').stdout)
        self.assertEqual(document['kind'], 'estimated')
        for item in document['advice']:
            self.assertIn(item['instead'], text)
            self.assertAlmostEqual(sum(layer['saved_microseconds'] for layer in item['layers']),
                                   item['saved_microseconds'], places=3)

    def test_npu(self):
        result = ork('npu', '--driver', '/nowhere/libOpenVX.so.1')
        self.assertEqual(result.returncode, 6)
        self.assertIn('NPU driver: none', result.stdout)
        net = self.write('net.ork')
        self.fails(6, 'E0801', 'npu', net, '--driver', '/nowhere/libOpenVX.so.1')
        standin = os.path.join(os.path.dirname(ORK), '..', 'tests', 'openvx', 'libopenvx_standin.so')
        if not os.path.exists(standin):
            self.skipTest('the library in place of a driver is not built')
        self.assertIn('entry points', self.good('npu', '--driver', standin).stdout)
        self.assertIn('0 of', self.good('npu', net, '--driver', standin).stdout)
        document = json.loads(ork('npu', net, '--json', ORK_OPENVX=standin).stdout)
        self.assertEqual(document['different'], 0)
        self.assertGreater(document['compared'], 0)

    def test_memory(self):
        net = self.write('net.ork')
        picture = os.path.join(self.folder, 'memory.svg')
        text = self.good('memory', net, '--chart', '-o', picture).stdout
        self.assertIn('Memory Profile Info Dump', text)
        self.assertIn('estimated for rk1808, not measured', text)
        root = xml.etree.ElementTree.parse(picture).getroot()
        document = json.loads(ork('memory', net, '--json', '--target', 'rv1126').stdout)
        session, chip = document['session'], document['chip']
        boxes = [box for box in root.iter('{http://www.w3.org/2000/svg}rect')
                 if box.get('class') == 'b']
        self.assertEqual(len(boxes), len(session['buffers']))
        parts = ('weight', 'parameter', 'tensor', 'scratch', 'output')
        self.assertEqual(session['total_bytes'], sum(session[part + '_bytes'] for part in parts))
        self.assertEqual(max(step['bytes'] for step in session['steps']), session['live_bytes'])
        for step, moment in enumerate(session['steps']):
            alive = [b for b in session['buffers'] if b['first'] <= step <= b['last']]
            self.assertEqual(sum(b['bytes'] for b in alive), moment['bytes'])
            places = sorted((b['offset'], b['offset'] + b['bytes']) for b in alive)
            for below, above in zip(places, places[1:]):
                self.assertLessEqual(below[1], above[0])
        self.assertEqual((chip['target'], chip['kind']), ('rv1126', 'estimated'))
        self.fails(2, 'E0305', 'memory', net, '--target', 'rk9999')
        self.fails(8, 'E0102', 'memory', net, '-o', '/nowhere/memory.svg')

    def test_check(self):
        result = ork('check', self.write('net.txt'), '--target', 'rk1808')
        self.assertEqual(result.returncode, 4, result.stderr)
        for text in ('net on rk1808: 2 layers on the NPU, 1 on the host processor, 1 refused\n',
                     'The chip refuses\n  kernel-size: 1 layer\n      large  conv2d  1x8x32x32, 8x8x12x12',
                     'Runs on the host processor\n  operator: 1 layer\n      sign  sign',
                     '  depthwise: 1 layer\n      stem<&>  conv2d', '  activation: 1 layer\n      act  silu',
                     "outputs=['act']"):
            self.assertIn(text, result.stdout)
        document = json.loads(ork('check', self.folder / 'net.txt', '--json').stdout)
        self.assertEqual([(f['rule'], f['severity'], f['layer']) for f in document['findings']],
                         [('depthwise', 'accuracy', 'stem<&>'), ('activation', 'slow', 'act'),
                          ('kernel-size', 'stops', 'large'), ('operator', 'host', 'sign')])
        self.assertEqual(document['outputs'], ['act'])
        self.assertEqual(document['multiplications'], 32 * 32 * 8 * 9 + 21 * 21 * 8 * 8 * 144)
        self.fails(2, 'E0305', 'check', self.folder / 'net.txt', '--target', 'rk9999')

    def samples(self, count=3):
        """Random arrays of 32 x 32 x 8, and their list."""
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 32, 32, 8), }"
        header += b' ' * (117 - len(header)) + b'\n'
        for i in range(count):
            data = bytes((k * 2654435761 + i * 40503 >> 11) % 256 for k in range(32 * 32 * 8))
            (self.folder / f'{i}.npy').write_bytes(b'\x93NUMPY\x01\x00' +
                                                   struct.pack('<H', len(header)) + header + data)
        return self.write('list.txt', ''.join(f'{i}.npy\n' for i in range(count)))

    def calibrate(self, name, *arguments):
        self.good('calibrate', self.folder / 'net.txt', '-d', self.folder / 'list.txt', '--std', '64',
                  '-o', self.folder / name, *arguments)
        return (self.folder / name).read_bytes()

    def shares(self, count, order, *arguments):
        """Both rounds in shares, merged in this order."""
        net, merged = self.folder / 'net.txt', {}
        for kind in ('extremes', 'stats'):
            if kind == 'stats':
                arguments += ('--extremes', self.folder / 'all.extremes')
            for i in range(1, count + 1):
                self.calibrate(f'{i}.{kind}', '--shard', f'{i}/{count}', '-t', i, *arguments)
            self.good('calibrate', '--merge', *(self.folder / f'{i}.{kind}' for i in order), '-o',
                      self.folder / f'all.{kind}')
            merged[kind] = (self.folder / f'all.{kind}').read_bytes()
        return merged

    def test_calibrate_in_shares(self):
        net, samples = self.write('net.txt'), self.samples(7)
        whole = self.calibrate('whole', '-t', 1)
        self.assertEqual(whole, self.calibrate('four', '-t', 4))
        self.assertEqual(whole, self.shares(2, (1, 2))['stats'])
        self.assertEqual(whole, self.shares(3, (3, 1, 2))['stats'])
        self.assertEqual(whole, self.shares(9, (4, 9, 1, 8, 2, 7, 3, 6, 5))['stats'])  # more than samples
        exact = self.calibrate('exact', '--vendor-exact')
        self.assertEqual(exact, self.shares(3, (2, 3, 1), '--vendor-exact')['extremes'])
        for options, statistics in (((), 'whole'), (('--vendor-exact',), 'exact')):
            models = []
            for extra in ((), ('--statistics', self.folder / statistics)):
                self.good('convert', net, '-d', samples, '--std', '64', '-o', self.folder / 'm.rknn',
                          *options, *extra)
                models.append((self.folder / 'm.rknn').read_bytes())
            self.assertEqual(*models)

    def test_a_scale_for_each_channel(self):
        """In the file, and with the same numbers from every instruction set and number of threads."""
        net, samples, model = self.write('net.txt'), self.samples(4), self.folder / 'm.rknn'
        convert = ('convert', net, '-d', samples, '--std', '64', '-o', model, '--per-channel')
        self.good(*convert)
        text = self.good('info', model, '--graph').stdout
        self.assertRegex(text, r'"w_1" u8\[8x1x3x3\]\{axis 0 \[')
        self.assertIn('AFFINE_PERCHANNEL_ASYMMETRIC', model.read_bytes().decode(errors='replace'))
        answers = []
        for threads, processor in ((1, ''), (1, 'c'), (4, '')):
            out = self.folder / f'out{len(answers)}'
            self.good('run', model, self.folder / '0.npy', '--npy-out', out, '-t', threads,
                      **({'ORK_CPU': processor} if processor else {}))
            answers.append([path.read_bytes() for path in sorted(out.iterdir())])
        self.assertTrue(answers[0])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])
        model.unlink()
        self.assertIn('takes one scale', self.fails(2, 'E0305', *convert, '--target', 'rv1126').stderr)
        self.fails(2, 'E0302', *convert, '--quantize', 'i8')
        self.fails(2, 'E0302', *convert, '--vendor-exact')
        self.fails(2, 'E0302', *convert, '-c', 'quantized_method=tensor')
        self.assertFalse(model.exists())

    def test_statistics_that_do_not_fit(self):
        net, samples = self.write('net.txt'), self.samples(4)
        convert = ('convert', net, '-d', samples, '-o', self.folder / 'm.rknn')
        whole = self.calibrate('whole')
        self.fails(7, 'E0501', *convert, '--statistics', self.folder / 'whole')  # another std
        convert += ('--std', '64', '--statistics')
        self.good(*convert, self.folder / 'whole')
        self.calibrate('1', '--shard', '1/2')
        self.calibrate('2', '--shard', '2/2')
        merge = ('calibrate', '-o', self.folder / 'merged', '--merge', self.folder / '1')
        error = self.fails(7, 'E0501', *convert, self.folder / '1')
        self.assertIn('not complete', error.stderr)
        self.fails(7, 'E0501', *merge, self.folder / '1')
        self.fails(7, 'E0501', *merge, self.folder / 'whole')
        self.good(*merge, self.folder / '2')
        error = self.fails(7, 'E0501', *convert, self.folder / 'merged')
        self.assertIn('extremes alone', error.stderr)
        (self.folder / 'damaged').write_bytes(whole[:-3])
        self.fails(7, 'E0501', *convert, self.folder / 'damaged')
        self.fails(8, 'E0101', *convert, self.folder / 'missing')
        self.fails(2, 'E0004', 'calibrate', net, '-d', samples, '-o', 'x', '--shard', '5')
        self.fails(2, 'E0004', 'calibrate', net, '-d', samples, '-o', 'x', '--shard', '5/4')
        self.fails(5, 'E0404', 'calibrate', net, '-o', 'x')

    def test_analyze(self):
        net, samples = self.write('net.txt'), self.samples()
        page, folder = self.folder / 'page.html', self.folder / 'snapshot'
        text = self.good('analyze', net, '-d', samples, '-p', page, '-o', folder, '--std', '64').stdout
        self.assertRegex(text, r'(?m)^ +1 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+% +u8  stem<&> \(conv2d \+ silu\)$')
        self.assertIn('The quantized network', text)
        self.assertEqual(page.read_text(), (folder / 'error_analysis.html').read_text())
        self.assertIn('stem&lt;&amp;&gt;', page.read_text())
        self.assertNotIn('stem<&>', page.read_text())
        lines = (folder / 'entire_qnt_error_analysis.txt').read_text().splitlines()
        self.assertEqual([line.split()[0] for line in lines],
                         ['input_x_0_out0_nhwc_1_32_32_8.tensor',
                          'conv2d_stem____1_out0_nhwc_1_32_32_8.tensor',
                          'conv2d_large_2_out0_nhwc_1_21_21_8.tensor'])
        self.assertIn('large (conv2d + sign)', text)
        self.assertEqual(os.listdir(folder / 'fp32'), ['order.txt'])
        document = json.loads(self.good('analyze', net, '-d', samples, '--std', '64', '--json', '-n', 2,
                                        '--samples', self.write('one.txt', '2.npy\n')).stdout)
        self.assertEqual(document['analysis']['samples'], 1)
        self.assertEqual(document['analysis']['layers'][1]['name'], 'stem<&>')
        self.fails(5, 'E0404', 'analyze', net)
        self.fails(5, 'E0401', 'analyze', net, '-d', 'missing.txt')
        self.fails(8, 'E0102', 'analyze', net, '-d', samples, '-p', self.folder / 'no/page.html')

    def test_bench(self):
        net = self.write('net.txt')
        text = self.good('bench', net, '-n', 3, '-t', 1).stdout
        self.assertRegex(text, r'(?m)^ +[\d.]+ +[\d.]+% +[\d.]+ +[\d.]+%  f32_depthwise_\w+ +stem<&>$')
        self.assertRegex(text, r'median of 3 runs [\d.]+ ms \([\d.]+\.\.[\d.]+\), [\d.]+ GMAC/s')
        document = json.loads(self.good('bench', net, '-n', 3, '-t', 1, '--json').stdout)
        layers = document['layers']
        self.assertEqual((layers[0]['kernel'], layers[-1]['kernel']), ('inputs', 'outputs'))
        self.assertEqual(document['multiplications'], 32 * 32 * 8 * 9 + 21 * 21 * 8 * 8 * 144)
        self.assertEqual(sum(layer['multiplications'] for layer in layers), document['multiplications'])
        self.assertTrue(document['least_ms'] <= document['median_ms'] <= document['most_ms'])
        for layer in layers:
            self.assertTrue(layer['microseconds'] >= 0 and 0 <= layer['share_of_peak'] < 1.5, layer)
            self.assertEqual(layer['share_of_peak'] > 0, layer['multiplications'] > 0)
        ordered = json.loads(self.good('bench', net, '-n', 3, '--sort', '--top', 2, '--json').stdout)['layers']
        self.assertEqual(len(ordered), 2)
        self.assertGreaterEqual(ordered[0]['microseconds'], ordered[1]['microseconds'])

    def test_graph(self):
        net = self.write('net.txt')
        text = self.good('graph', net).stdout
        self.assertRegex(text, r'(?m)^●   conv2d 3x3 pad 1 depthwise, silu +stem<&> +f32 1x8x32x32$')
        for name, start in (('a.svg', '<?xml'), ('a.dot', 'digraph'), ('a.json', '{'), ('a.txt', 'net (canon)')):
            self.good('graph', net, '-o', self.folder / name)
            self.assertTrue((self.folder / name).read_text().startswith(start), name)
        root = xml.etree.ElementTree.parse(self.folder / 'a.svg').getroot()
        words = [e.text for e in root.iter('{http://www.w3.org/2000/svg}text')]
        self.assertIn('stem<&>', words)
        self.assertIn('8x8x12x12', words)
        document = json.loads(self.good('graph', net, '--json').stdout)
        self.assertEqual(len(document['diagram']['boxes']), 4)
        self.assertEqual(document['command'], 'graph')
        self.assertIn('digraph', self.good('graph', net, '--format', 'dot').stdout)
        self.assertIn('(imported)', self.good('graph', net, '--stage', 'imported').stdout)
        self.fails(2, 'E0005', 'graph', net, '--stage', 'quant')
        self.fails(8, 'E0102', 'graph', net, '-o', self.folder / 'no' / 'a.svg')

    def test_diff(self):
        net = self.write('net.txt')
        same = self.write('same.txt', NET.replace('"large"', '"other"').replace('"net"', '"n"'))
        self.assertIn('The same network: 4 layers', self.good('diff', net, same).stdout)
        other = self.write('other.txt', NET.replace('random 2', 'random 3').replace('silu', 'relu'))
        result = ork('diff', net, other)
        self.assertEqual(result.returncode, 1, result.stderr)
        for line in ('- silu  act', '+ relu  act', '~ conv2d  large  weight: differs by'):
            self.assertIn(line, result.stdout)
        document = json.loads(ork('diff', net, other, '--json').stdout)
        self.assertFalse(document['same'])
        self.assertEqual(document['matched_layers'], 3)
        self.assertEqual({row['kind'] for row in document['differences']},
                         {'added', 'removed', 'changed'})
        weights = self.write('weights.txt', NET.replace('random 2', 'random 3'))
        self.good('diff', net, weights, '--weights', '3')
        self.fails(8, 'E0101', 'diff', net, self.folder / 'absent.txt')

    def test_traced_and_exported(self):
        """All verbs take archives of torch.export, which know their sizes."""
        exported = DATA / 'export'
        result = self.good('diff', exported / 'attention.pt', exported / 'attention.pt2')
        self.assertIn('The same network: ', result.stdout)
        self.good('diff', exported / 'old.pt2', exported / 'attention.pt2')
        net = exported / 'layers.pt2'
        self.good('convert', net, '-o', self.folder / 'layers.rknn')
        self.good('diff', net, self.folder / 'layers.rknn')
        self.assertIn('1x2x4x4', self.good('info', net).stdout)
        self.assertIn('conv', self.good('check', net, '--target', 'rk1808', '--all').stdout)
        self.good('run', net, exported / 'layers.in0.npy', '--npy-out', self.folder)
        self.assertEqual(len(list(self.folder.glob('layers.in0-*.npy'))), 3)
        free = self.good('info', exported / 'dynamic.pt2', '--input-size', '3x2x5x6')
        self.assertIn('f32 3x3x6', free.stdout)
        self.assertEqual(free.stderr, '')
        fixed = self.good('info', exported / 'attention.pt2', '--input-size', '1x5x4')
        self.assertIn('that the model was saved with: [[1, 3, 4]]', fixed.stderr)

    def test_the_same_network_from_two_frameworks(self):
        shared = os.environ.get('ORK_SHARED')
        if not shared:
            self.skipTest('ORK_SHARED is not set')
        folder = pathlib.Path(shared) / 'models' / 'yolox_nano'
        result = self.good('diff', folder / 'yolox_nano_coco_flat.pt', folder / 'yolox_nano_416.onnx',
                           *SIZE, '--json')
        document = json.loads(result.stdout)
        self.assertTrue(document['same'])
        self.assertGreater(document['matched_layers'], 200)
        self.assertLess(document['weight_difference'], 1e-5)


@unittest.skipUnless(HAS_MODEL, 'examples/eyes/eyes.pt is absent')
class Model(Base):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix='ork-cli-'))
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        cls.pictures = cls.shared / 'pictures'
        cls.pictures.mkdir()
        for i in range(3):
            png(cls.pictures / f'{i}.png', 60 + 10 * i, 50)
        cls.rknn = cls.shared / 'eyes.rknn'
        result = ork('convert', MODEL, *SIZE, '-o', cls.rknn, '--dataset', cls.pictures, '--json')
        assert result.returncode == 0, result.stdout + result.stderr
        cls.converted = json.loads(result.stdout)

    def test_convert(self):
        self.assertEqual(self.converted['bytes'], self.rknn.stat().st_size)
        self.assertTrue(self.converted['quantized'])
        self.assertEqual(self.rknn.read_bytes()[:4], b'RKNN')
        self.assertFalse(list(self.shared.glob('ork-dataset-*')))

    def test_max_drop(self):
        """Six pictures of the sample detector; the answers share a scale, which 16 bits mend."""
        pictures = self.folder / 'pictures'
        pictures.mkdir()
        for path in sorted((MODEL.parent / 'calibration').iterdir())[:6]:
            shutil.copy(path, pictures)
        arguments = ('convert', MODEL, *SIZE, '-d', pictures, '--splits', '0', '--mean',
                     '123.675 116.28 103.53', '--std', '58.395 57.12 57.375', '--reorder', '2 1 0')
        out = self.folder / 'x.rknn'
        found = json.loads(self.good(*arguments, '-o', out, '--max-drop', '60', '--json').stdout)
        self.assertEqual([layer['layer'] for layer in found['precision']['layers']], ['heads.0.cat'])
        self.assertLess(found['precision']['cost'], 1.03)
        self.assertEqual(found['precision']['drop'], found['precision']['drop_in_8_bits'])
        self.assertIn('AP', found['precision']['measure'])
        self.assertLessEqual(found['precision']['drop'], 60)
        self.assertGreater(found['precision']['cost'], 1)
        self.assertIn('i16', self.good('info', out, '--graph').stdout)
        self.fails(2, 'E0302', *arguments, '-o', out, '--max-drop', 'much')

    def test_hybrid(self):
        list = self.folder / 'list.txt'
        list.write_text(''.join('%s\n' % path for path in self.pictures.iterdir()))
        name = self.folder / 'eyes'
        self.good('hybrid', MODEL, *SIZE, '-d', list, '-o', name, '--target', 'rv1126')
        self.assertEqual({path.name for path in self.folder.iterdir()},
                         {'list.txt', 'eyes.json', 'eyes.data', 'eyes.quantization.cfg'})
        plain, exact, mixed = (self.folder / f for f in ('plain.rknn', 'exact.rknn', 'mixed.rknn'))
        self.good('hybrid', f'{name}.json', '-o', plain)
        self.good('convert', MODEL, *SIZE, '-d', list, '-o', exact, '--target', 'rv1126',
                  '--vendor-exact')
        self.good('diff', plain, exact)  # the same network, integers and scales
        self.assertIn('rv1126', self.good('info', plain).stdout)
        self.good('hybrid', f'{name}.json', '-o', plain, '--float')
        self.assertNotIn(' u8[', self.good('info', plain, '--graph').stdout)
        self.good('convert', MODEL, *SIZE, '-o', exact, '--target', 'rv1126')
        self.good('diff', plain, exact)
        self.fails(2, 'E0004', 'hybrid', f'{name}.json', '--float', '--cfg', 'x')
        cfg = self.folder / 'eyes.quantization.cfg'
        text = cfg.read_text()
        layer = re.search(r"'@(heads\.0\.reg_pred_\d+):out0'", text)[1]
        cfg.write_text(text.replace('layers: {}', 'layers: {%s: dynamic_fixed_point-i16}' % layer))
        self.good('hybrid', f'{name}.json', '-o', mixed)
        self.assertIn('"heads.0.reg_pred" i16', self.good('info', mixed, '--graph').stdout)
        cfg.write_text(text.replace('layers: {}', 'layers: {heads.0.reg_perd: i16}'))
        error = self.fails(2, 'E0504', 'hybrid', f'{name}.json', '-o', mixed).stderr
        self.assertIn("did you mean '%s'?" % layer, error)
        self.fails(2, 'E0004', 'hybrid', MODEL, *SIZE)
        self.fails(2, 'E0004', 'hybrid', f'{name}.json', '-d', list)

    def test_temporary_list_goes_away(self):
        self.good('convert', MODEL, *SIZE, '-o', self.folder / 'x.rknn', '-d', self.pictures,
                  TMPDIR=str(self.folder))
        self.assertEqual([path.name for path in self.folder.iterdir()], ['x.rknn'])

    def test_unknown_config_key(self):
        result = self.fails(2, 'E0301', 'convert', MODEL, *SIZE, '--config', 'meanXvalues=1',
                            '-o', self.folder / 'x.rknn')
        self.assertFalse((self.folder / 'x.rknn').exists(), result.stderr)

    def test_missing_size_names_the_option(self):
        result = self.fails(2, 'E0207', 'convert', MODEL, '-o', self.folder / 'x.rknn')
        self.assertIn('--input-size 3x416x416', result.stderr)
        self.assertFalse((self.folder / 'x.rknn').exists())

    def test_info(self):
        text = self.good('info', self.rknn).stdout
        self.assertRegex(text, r'(?m)^format +rknn$')
        document = json.loads(self.good('info', self.rknn, '--json').stdout)
        self.assertTrue(document['quantized'])
        self.assertEqual(len(document['inputs']), 1)
        self.assertEqual(document['inputs'][0]['shape'][:2], [1, 3])
        self.assertGreater(document['weight_bytes'], 0)
        self.assertTrue(self.good('info', self.rknn, '--graph').stdout.startswith('graph'))
        self.assertEqual(json.loads(self.good('info', MODEL, *SIZE, '--json').stdout)['format'], 'pytorch')

    def test_run(self):
        document = json.loads(self.good('run', self.rknn, self.pictures / '0.png', '--npy-out',
                                        self.folder / 'out', '--json').stdout)
        outputs = document['runs'][0]['outputs']
        self.assertGreater(len(outputs), 0)
        for i, output in enumerate(outputs):
            self.assertEqual(output['top'][0]['value'], output['max'])
            self.assertLess(output['min'], output['max'])
            self.assertTrue((self.folder / 'out' / f'0-{i}.npy').is_file())
        text = self.good('run', self.rknn, self.pictures / '0.png', '--repeat', '3').stdout
        self.assertRegex(text, r'0\.png: [\d.]+ ms\n  output 0  1x')

    def inputs_of_one_name(self):
        inputs = [self.pictures / '0.png', self.folder / 'a' / '0.png', self.folder / 'b' / '0-2.png']
        for path in inputs[1:]:
            path.parent.mkdir()
            png(path, 50, 60)
        return inputs

    def test_arrays_of_inputs_of_one_name(self):
        runs = json.loads(self.good('run', self.rknn, *self.inputs_of_one_name(), '--npy-out',
                                    self.folder / 'out/', '--json').stdout)['runs']
        names = [output['npy'] for run in runs for output in run['outputs']]
        self.assertEqual([pathlib.Path(name).name for name in names],
                         [f'{name}-{i}.npy' for name in ('0', '0-2', '0-2-2') for i in range(3)])
        self.assertTrue(all(pathlib.Path(name).is_file() for name in names))
        self.assertNotEqual(pathlib.Path(names[0]).read_bytes(), pathlib.Path(names[3]).read_bytes())

    def test_pictures_of_one_name(self):
        out = self.folder / 'out'
        self.good('detect', self.rknn, *self.inputs_of_one_name(), '-o', out)
        self.assertEqual(sorted(path.name for path in out.iterdir()),
                         ['0-2-2.png', '0-2.png', '0.png'])

    def test_no_source_is_overwritten_by_the_result_of_another(self):
        inputs = self.inputs_of_one_name()
        before = inputs[2].read_bytes()
        self.fails(2, 'E0004', 'detect', self.rknn, inputs[0], inputs[1], inputs[2], '-o',
                   inputs[2].parent, '-q')
        self.assertEqual(inputs[2].read_bytes(), before)

    def test_dataset_folder_with_spaces(self):
        folder = self.folder / 'my "best" pictures'
        shutil.copytree(self.pictures, folder)
        png(folder / 'a b.png', 20, 20)
        result = self.good('convert', MODEL, *SIZE, '-o', self.folder / 'x.rknn', '-d', folder)
        self.assertNotIn('skipped', result.stderr)

    def test_detect_pictures(self):
        out = self.folder / 'out'
        document = json.loads(self.good('detect', self.rknn, self.pictures, '-o', out, '--score',
                                        '0.01', '--json', '-').stdout)
        self.assertEqual(sorted(p.name for p in out.iterdir()), ['0.png', '1.png', '2.png'])
        self.assertEqual([(i['width'], i['height']) for i in document['images']],
                         [(60, 50), (70, 50), (80, 50)])
        for row in document['results']:
            image = document['images'][row['image_id'] - 1]
            x, y, width, height = row['bbox']
            self.assertGreaterEqual(min(row['bbox']), 0)
            self.assertLessEqual(x + width, image['width'] + 0.01)
            self.assertLessEqual(y + height, image['height'] + 0.01)
            self.assertEqual(row['file_name'], image['file_name'])
        one = self.folder / 'one.jpg'
        text = self.good('detect', MODEL, *SIZE, self.pictures / '1.png', '-o', one, '--ellipse').stdout
        self.assertRegex(text, r'1\.png: \d+ box')
        self.assertEqual(one.read_bytes()[:3], b'\xff\xd8\xff')

    def test_labels_of_any_length(self):
        names = ['i' * 600, 'p' * 254, 's' * 1000]
        labels = self.folder / 'labels.txt'
        labels.write_bytes(b'\xef\xbb\xbf' + '\r\n'.join(names).encode())
        document = json.loads(self.good('detect', self.rknn, self.pictures, '--no-output', '--score',
                                        '0.0001', '--labels', labels, '--json', '-').stdout)
        self.assertGreater(len(document['results']), 0)
        for row in document['results']:
            self.assertEqual(row['category'], names[row['category_id']])

    def test_sources_are_never_overwritten(self):
        before = (self.pictures / '0.png').read_bytes()
        self.fails(2, 'E0004', 'detect', self.rknn, self.pictures / '0.png', '-o', self.pictures, '-q')
        self.assertEqual((self.pictures / '0.png').read_bytes(), before)

    def test_boxes_are_written_whole_or_not_at_all(self):
        boxes = self.folder / 'boxes.json'
        boxes.write_text('older')
        full = subprocess.run([ORK, 'detect', self.rknn, *[self.pictures / '0.png'] * 9, '--no-output', '--json', boxes],
                              capture_output=True, check=False, timeout=600,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256)))
        self.assertEqual(full.returncode, 8, full)
        self.assertIn(b'File too large', full.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], ['boxes.json'])
        self.assertEqual(boxes.read_text(), 'older')
        self.good('detect', self.rknn, self.pictures / '0.png', '--no-output', '--json', '/dev/null')

    def test_window(self):
        result = ork('detect', self.rknn, self.pictures / '0.png', '--show', '--no-output',
                     SDL_VIDEODRIVER='nothing-of-this-name')
        self.assertEqual(result.returncode, 8)
        self.assertIn('E0903', result.stderr)

    def test_video(self):
        video, out = self.folder / 'v:1.mp4', self.folder / 'boxes.mp4'
        if not shutil.which('ffmpeg'):
            video.write_bytes(b'x')
            self.assertIn('ffmpeg', self.fails(8, 'E0902', 'detect', self.rknn, video).stderr)
            return
        subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=65x48:rate=10',
                        '-frames:v', '6', '-pix_fmt', 'yuv444p', f'file:{video}'], check=True)
        text = self.good('detect', self.rknn, video, '-o', out, '--json', self.folder / 'b.json').stdout
        self.assertEqual(len(re.findall(r'(?m)^fps= \d+\.\d\d$', text)), 6)
        probe = subprocess.run(['ffprobe', '-v', 'error', '-count_frames', '-show_entries',
                                'stream=width,height,nb_read_frames', '-of', 'csv=p=0', out],
                               capture_output=True, text=True, check=True).stdout
        self.assertEqual(probe.strip(), '66,48,6')
        images = json.loads((self.folder / 'b.json').read_text())['images']
        self.assertEqual([image['frame'] for image in images], list(range(6)))
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ['b.json', 'boxes.mp4', 'v:1.mp4'])
        self.good('detect', self.rknn, video, '--no-output', '--max-frames', '2')
        video.write_bytes(b'damaged')
        self.fails(8, 'E0902', 'detect', self.rknn, video, '--no-output')

    @unittest.skipUnless(shutil.which('ffmpeg'), 'there is no ffmpeg')
    def test_rate_is_drawn_into_frames(self):
        video, out = self.folder / 'black.mkv', self.folder / 'boxes.mkv'
        subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'color=black:size=200x80:rate=10',
                        '-frames:v', '2', video], check=True)
        text = self.good('detect', self.rknn, video, '-o', out, '--score', '0.9').stdout
        self.assertRegex(text, r'^fps= \d+\.\d\d\nfps= \d+\.\d\d\n$')
        pixels = subprocess.run(['ffmpeg', '-v', 'error', '-i', out, '-frames:v', '1', '-f', 'rawvideo',
                                 '-pix_fmt', 'rgb24', '-'], capture_output=True, check=True).stdout
        self.assertEqual(len(pixels), 200 * 80 * 3)
        green = [i for i in range(200 * 80) if pixels[3 * i + 1] > 128 > 2 * max(pixels[3 * i], pixels[3 * i + 2])]
        rows, columns = [i // 200 for i in green], [i % 200 for i in green]
        self.assertGreater(len(green), 200)
        self.assertTrue(20 <= min(rows) and max(rows) < 44, (min(rows), max(rows)))
        self.assertTrue(min(columns) < 8 and max(columns) < 16 * len('fps= 1234.56'), columns)

    def test_interrupt(self):
        """Ctrl-C ends a long run with 130 and leaves no output file."""
        ended = interrupt([ORK, 'run', self.rknn, self.pictures / '0.png', '--repeat', '1000000'], signal.SIGINT)
        self.assertEqual(ended.returncode, 130, ended.stderr)
        self.assertIn('E0002', ended.stderr)


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], '-v'])
