// SPDX-License-Identifier: Apache-2.0
// Where the time goes: estimated for a chip, measured on this machine.
import {bars} from './charts.js';
import {h, many, replace} from './dom.js';
import {commandBox, jobPanel, resume, runInto} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

const MOST_LAYERS = 40;
const slowest = (layers) => [...layers].sort((a, b) => b.microseconds - a.microseconds).slice(0, MOST_LAYERS);
const milliseconds = (us) => `${(us / 1000).toFixed(3)} ms`;

function estimate(result) {
  return h('div', {}, h('p', {class: 'verdict'}, t('performance.estimated', result.target, (result.microseconds / 1000).toFixed(2))),
    bars(t('performance.estimate'), [t('layer'), '', t('time'), t('operator'), t('unit'), t('multiplications')], slowest(result.layers)
      .map((layer) => [layer.layer, layer.microseconds, milliseconds(layer.microseconds), layer.operator, layer.unit, many(layer.multiplications)])));
}

function measured(result) {
  return h('div', {}, h('p', {class: 'verdict'}, t('performance.measured', result.threads, result.median_ms.toFixed(2))),
    bars(t('performance.bench'), [t('layer'), '', t('time'), t('operator'), t('peak')], slowest(result.layers)
      .map((layer) => [layer.layer || '–', layer.microseconds, milliseconds(layer.microseconds), layer.kernel,
        layer.share_of_peak ? `${Math.round(100 * layer.share_of_peak)} %` : ''])));
}

function section(app, verb, title, draw, names) {
  const place = h('div', {}), panel = jobPanel(), box = commandBox();
  const form = optionForm(app.verbs[verb], app.files, () => box.show(command()), names);
  const command = () => ({verb, arguments: [app.model], options: {...app.preprocessing(), ...form.values()}});
  box.show(command());
  resume(place, panel, verb, app.model, draw);
  return h('section', {id: verb}, h('h3', {}, title), form.element,
    h('button', {type: 'button', class: 'main', onclick: () => runInto(place, panel, command(), draw)}, title), box.element,
    panel.element, place);
}

export async function show(place, app) {
  if (!app.files.some((file) => file.path === app.model)) replace(place, h('p', {}, t('model.needed')));
  else replace(place, section(app, 'perf', t('performance.estimate'), estimate, ['target']),
    section(app, 'bench', t('performance.bench'), measured, ['repeat']));
}
