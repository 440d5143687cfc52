// SPDX-License-Identifier: Apache-2.0
// What a session keeps in memory, which tensor lies where and when, and what a chip needs.
import {table} from './charts.js';
import {h, replace, size, svg} from './dom.js';
import {commandBox, jobPanel, resume, runInto} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

const PARTS = ['weight_bytes', 'parameter_bytes', 'tensor_bytes', 'scratch_bytes', 'output_bytes', 'total_bytes', 'process_bytes'];
const CHIP = ['weight_bytes', 'internal_bytes', 'value_bytes', 'host_bytes'];

/** Steps to the right, places in memory upwards; a rectangle for each tensor. */
function lifetimes({buffers, steps, tensor_bytes: all}) {
  const height = 320, width = 1000, last = Math.max(1, steps.length);
  const boxes = buffers.map((buffer, index) => svg('rect', {class: `life l${index % 4}`, x: buffer.first / last * width,
    width: (buffer.last - buffer.first + 1) / last * width, y: height - (buffer.offset + buffer.bytes) / all * height,
    height: buffer.bytes / all * height}, svg('title', {}, `${buffer.value}, ${size(buffer.bytes)}`)));
  return h('figure', {class: 'lifetimes'}, svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': t('memory.chart')}, boxes),
    h('figcaption', {}, t('memory.chart')));
}

const rows = (from, names) => names.map((name) => [t(`memory.${name}`), size(from[name])]);

function told({session, chip}) {
  return h('div', {}, table(t('memory.session'), ['', t('size')], rows(session, PARTS)), lifetimes(session),
    table(t('memory.chip', chip.target), ['', t('size')], rows(chip, CHIP)));
}

export async function show(place, app) {
  if (!app.files.some((file) => file.path === app.model)) {
    replace(place, h('p', {}, t('model.needed')));
    return;
  }
  const result = h('div', {}), panel = jobPanel(), box = commandBox();
  const form = optionForm(app.verbs.memory, app.files, () => box.show(command()), ['target']);
  const command = () => ({verb: 'memory', arguments: [app.model], options: {...app.preprocessing(), ...form.values()}});
  replace(place, h('p', {}, t('memory.about')), form.element, h('button', {type: 'button', class: 'main', id: 'run',
    onclick: () => runInto(result, panel, command(), told)}, t('memory.run')), box.element, panel.element, result);
  await box.show(command());
  resume(result, panel, 'memory', app.model, told);
}
