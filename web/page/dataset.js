// SPDX-License-Identifier: Apache-2.0
// What the calibration pictures hold.
import * as api from './api.js';
import {h, replace} from './dom.js';
import {commandBox, jobPanel, runInto} from './job.js';
import {t} from './texts.js';

const MOST_SHOWN = 200;

function picture(found, isOurs) {
  return h('figure', {}, isOurs ? h('img', {src: api.fileAddress(found.file), alt: found.file, loading: 'lazy'}) : null,
    h('figcaption', {}, `${found.file.split('/').pop()} ${found.width}×${found.height}, ${t('brightness')} ${Math.round(found.brightness)}, `
      + `${t('contrast')} ${Math.round(found.contrast)}`));
}

function inspected(app, result) {
  const ours = new Set(app.files.map((file) => file.path));
  return h('div', {}, h('p', {class: 'verdict'}, t('dataset.found', result.files, result.broken, result.near_duplicates, result.dark,
    result.bright, result.gray)), h('ul', {}, result.advice.map((line) => h('li', {}, line))),
  h('div', {class: 'pictures'}, result.pictures.slice(0, MOST_SHOWN).map((found) => picture(found, ours.has(found.file)))));
}

export async function show(place, app) {
  const result = h('div', {}), panel = jobPanel(), box = commandBox();
  const choices = app.ofKind('list', 'folder').map((file) => file.path);
  const source = h('select', {id: 'dataset', onchange: () => {
    app.remember('dataset', source.value);
    box.show(command());
  }}, choices.map((path) => h('option', {value: path, selected: path === app.remembered('dataset', '')}, path)));
  const command = () => ({verb: 'calib', arguments: ['inspect', source.value]});
  replace(place, h('p', {}, t('dataset.about')), h('div', {class: 'line'}, h('label', {for: 'dataset'}, t('dataset')), source,
    h('button', {type: 'button', class: 'main', disabled: !choices.length, onclick: () =>
      runInto(result, panel, command(), (found) => inspected(app, found))}, t('dataset.run'))), box.element, panel.element, result);
  if (choices.length) await box.show(command());
}
