// SPDX-License-Identifier: Apache-2.0
// Which layers lose accuracy on integers, and a model with some of them in 16 bits.
import * as api from './api.js';
import {h, replace} from './dom.js';
import {commandBox, jobPanel, problem, resume, runInto} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

const MOST_LAYERS = 20;
const decibels = (value) => (value === null || value === undefined ? '–' : `${value.toFixed(1)} dB`);

function layerRows(layers, chosen) {
  const most = Math.max(1e-30, ...layers.map((layer) => layer.damage));
  return layers.map((layer, index) => h('tr', {}, h('th', {scope: 'row'}, layer.name),
    h('td', {}, h('meter', {min: 0, max: 1, value: layer.damage / most, 'aria-label': t('accuracy.share')})),
    h('td', {class: 'number'}, `${(100 * layer.damage).toFixed(1)} %`), h('td', {class: 'number'}, decibels(layer.alone.sqnr_db)),
    h('td', {class: 'number'}, decibels(layer.entire.sqnr_db)), h('td', {}, h('input', {type: 'checkbox', id: `sixteen-${index}`,
      'aria-label': `${t('accuracy.sixteen')}: ${layer.name}`, onchange: (event) => {
        if (event.target.checked) chosen.add(layer.name);
        else chosen.delete(layer.name);
      }})), h('td', {}, layer.advice.join(' '))));
}

/** Two steps of `ork hybrid`, between them the layers written into its configuration. */
async function buildHybrid(app, base, layers, see) {
  const input = app.preprocessing(), name = app.model.replace(/(\.[^./]*)?$/, '-16');
  await api.run({verb: 'hybrid', arguments: [app.model], options: {...input, dataset: base.dataset, target: base.target, output: name}}, see);
  const address = api.fileAddress(`${name}.quantization.cfg`);
  const written = await (await fetch(address)).text();
  const types = layers.map((layer) => `\n    '${layer}': dynamic_fixed_point-i16`).join('');
  await api.upload(`${name}.quantization.cfg`, written.replace(/^customized_quantize_layers:.*$/m, `customized_quantize_layers:${types}`), true);
  await api.run({verb: 'hybrid', arguments: [`${name}.json`], options: {output: `${name}.rknn`}}, see);
  await app.refresh();
  const cost = (path) => api.run({verb: 'perf', arguments: [path], options: base.target ? {target: base.target} : {}}, see);
  return {path: `${name}.rknn`, cost: await cost(`${name}.rknn`)};
}

function hybridSection(app, base, chosen) {
  const place = h('div', {}), panel = jobPanel();
  const build = async () => {
    if (!chosen.size) return;
    try {
      const made = await buildHybrid(app, base, [...chosen], panel.see);
      replace(place, h('p', {class: 'verdict good'}, t('convert.done', made.path, t('performance.estimated', made.cost.target,
        (made.cost.microseconds / 1000).toFixed(2)))));
    } catch (refused) {
      replace(place, problem(refused));
    }
  };
  return h('div', {}, h('button', {type: 'button', id: 'hybrid', onclick: build}, t('accuracy.hybrid')), panel.element, place);
}

function analysed(app, base, {analysis}) {
  const chosen = new Set(), worst = [...analysis.layers].sort((a, b) => b.damage - a.damage).slice(0, MOST_LAYERS);
  const first = analysis.first_bad === null ? null : analysis.layers[analysis.first_bad];
  return h('div', {}, h('p', {class: `verdict ${analysis.culprits.length ? 'bad' : 'good'}`}, analysis.verdict),
    first && h('p', {}, t('accuracy.first', first.name)), h('ul', {}, analysis.advice.map((line) => h('li', {}, line))),
    h('div', {class: 'wide', tabindex: 0}, h('table', {class: 'bars'}, h('caption', {}, t('accuracy.damage')),
      h('thead', {}, h('tr', {}, [t('layer'), '', t('accuracy.share'), t('accuracy.alone'), t('accuracy.entire'), t('accuracy.sixteen'),
        t('instead')].map((head) => h('th', {scope: 'col'}, head)))), h('tbody', {}, layerRows(worst, chosen)))),
    hybridSection(app, base, chosen));
}

export async function show(place, app) {
  if (!app.files.some((file) => file.path === app.model)) {
    replace(place, h('p', {}, t('model.needed')));
    return;
  }
  const result = h('div', {}), panel = jobPanel(), box = commandBox(), page = app.model.replace(/(\.[^./]*)?$/, '-accuracy.html');
  const form = optionForm(app.verbs.analyze, app.files, () => box.show(command()), ['dataset', 'target', 'limit', 'vendor-exact', 'page']);
  form.set({dataset: app.remembered('dataset', ''), page});
  const command = () => ({verb: 'analyze', arguments: [app.model], options: {...form.values(), ...app.preprocessing()}});
  const done = (found) => {
    app.refresh();
    const written = form.values().page;
    return h('div', {}, written && h('p', {}, h('a', {href: api.fileAddress(written), target: '_blank', rel: 'noopener'}, written)),
      analysed(app, form.values(), found));
  };
  replace(place, h('p', {}, t('accuracy.about')), form.element, h('button', {type: 'button', class: 'main', id: 'run',
    onclick: () => runInto(result, panel, command(), done)}, t('accuracy.run')), box.element, panel.element, result);
  await box.show(command());
  resume(result, panel, 'analyze', app.model, done);
}
