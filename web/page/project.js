// SPDX-License-Identifier: Apache-2.0
// The project: its files, the network's input, and whether a chip takes it.
import * as api from './api.js';
import {table} from './charts.js';
import {h, many, replace, size} from './dom.js';
import {commandBox, jobPanel, problem, resume, runInto} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

async function send(app, file, said) {
  said.textContent = t('drop.sending', file.name);
  try {
    await api.upload(file.name, file, false);
  } catch (refused) {
    const exists = app.files.some((known) => known.path === file.name);
    if (!exists) throw refused;
    if (!confirm(t('drop.exists', file.name))) return;
    await api.upload(file.name, file, true);
  }
}

function dropZone(app, place) {
  const said = h('p', {class: 'dim', role: 'status'});
  const take = async (list) => {
    try {
      for (const file of list) await send(app, file, said);
      await app.refresh();
      const network = [...list].find((file) => app.ofKind('network', 'model').some((known) => known.path === file.name));
      if (network) await app.choose(network.name);
      else await show(place, app);
    } catch (refused) {
      replace(said, problem(refused));
    }
  };
  const input = h('input', {type: 'file', id: 'upload', multiple: true, onchange: (event) => take(event.target.files)});
  const zone = h('div', {class: 'drop'}, h('label', {for: 'upload'}, t('drop'), ' ', t('drop.choose')), input, said);
  const over = (event) => {
    event.preventDefault();
    zone.classList.toggle('over', event.type === 'dragover');
  };
  zone.addEventListener('dragover', over);
  zone.addEventListener('dragleave', over);
  zone.addEventListener('drop', (event) => {
    over(event);
    take(event.dataTransfer.files);
  });
  return zone;
}

function fileRow(app, file) {
  const usable = file.kind === 'network' || file.kind === 'model';
  const shown = file.kind === 'picture' || file.kind === 'page' || file.kind === 'video';
  return [file.path, t(`kind.${file.kind}`), file.kind === 'folder' ? '' : size(file.size),
    usable ? h('button', {type: 'button', onclick: () => app.choose(file.path)}, t('use'))
      : shown ? h('a', {href: api.fileAddress(file.path), target: '_blank', rel: 'noopener'}, t('open')) : ''];
}

/** Folders of pictures are shown as one row. */
function fileTable(app) {
  const shown = app.files.filter((file) => file.kind !== 'picture' || !file.path.includes('/'));
  return table(t('files'), [t('file'), t('kind'), t('size'), h('span', {class: 'hidden'}, t('use'))],
    shown.map((file) => fileRow(app, file)));
}

function findings(result) {
  const refused = result.refused_layers;
  return h('div', {}, h('p', {class: `verdict ${refused ? 'bad' : 'good'}`},
    refused ? t('check.refused', refused) : t('check.good', result.npu_layers + result.host_layers)),
  h('p', {class: 'dim'}, t('check.numbers', many(result.multiplications), many(result.weights), many(result.peak_numbers))),
  result.findings.length > 0 && table(t('check'), [t('severity'), t('layer'), t('why'), t('instead')],
    result.findings.map((found) => [h('span', {class: `severity ${found.severity}`}, found.severity),
      h('span', {title: found.scope}, found.layer), found.why, found.instead])));
}

function checkSection(app) {
  const place = h('div', {}), panel = jobPanel(), box = commandBox();
  const target = optionForm(app.verbs.check, app.files, () => box.show(command()), ['target']);
  const command = () => ({verb: 'check', arguments: [app.model], options: {...app.preprocessing(), ...target.values()}});
  const run = () => runInto(place, panel, command(), findings);
  box.show(command());
  const changed = () => box.show(command());
  resume(place, panel, 'check', app.model, findings);
  return {changed, element: h('section', {id: 'check'}, h('h3', {}, t('check')), target.element,
    h('button', {type: 'button', class: 'main', onclick: run}, t('check.run')), box.element, panel.element, place)};
}

function inputSection(app, changed) {
  const form = optionForm(app.verbs.check, app.files, () => {
    app.remember('input', form.values());
    changed();
  }, ['input-size', 'mean', 'std', 'reorder']);
  form.set(app.remembered('input', {}));
  return h('section', {}, h('h3', {}, t('input')), h('p', {}, t('input.about')), form.element, h('p', {class: 'dim'}, t('input.formula')));
}

export async function show(place, app) {
  const isKnown = app.files.some((file) => file.path === app.model);
  const check = isKnown ? checkSection(app) : null;
  replace(place, dropZone(app, place), check && !app.model.endsWith('.rknn') && inputSection(app, check.changed), check?.element, fileTable(app));
}
