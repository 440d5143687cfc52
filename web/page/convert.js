// SPDX-License-Identifier: Apache-2.0
// From a network to a .rknn file.
import {h, replace, size} from './dom.js';
import {commandBox, jobPanel, resume, runInto} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

const MAIN = ['output', 'target', 'dataset', 'quantize', 'max-drop', 'vendor-exact'];
const INPUT = ['input-size', 'mean', 'std', 'reorder'];

export async function show(place, app) {
  if (!app.files.some((file) => file.path === app.model)) {
    replace(place, h('p', {}, t('model.needed')));
    return;
  }
  const verb = app.verbs.convert, key = `convert ${app.model}`, result = h('div', {}), panel = jobPanel(), box = commandBox();
  const changed = () => {
    app.remember(key, {...main.values(), ...more.values()});
    box.show(command());
  };
  const main = optionForm(verb, app.files, changed, MAIN), more = optionForm(verb, app.files, changed, null, [...MAIN, ...INPUT]);
  const command = () => ({verb: 'convert', arguments: [app.model],
    options: {...main.values(), ...app.preprocessing(), ...more.values()}});
  const dataset = app.remembered('dataset', undefined);
  const kept = app.remembered(key, {output: app.model.replace(/(\.[^./]*)?$/, dataset ? '-u8.rknn' : '.rknn'), dataset});
  main.set(kept);
  more.set(kept);
  const done = (made) => {
    app.refresh();
    return h('div', {}, h('p', {class: 'verdict good'}, t('convert.done', made.output, size(made.bytes))),
      h('button', {type: 'button', onclick: () => {
        app.remember('second', made.output);
        app.go('detect');
      }}, t('convert.try')));
  };
  replace(place, h('p', {}, t('convert.about')), main.element, h('details', {}, h('summary', {}, t('convert.more')), more.element),
    h('button', {type: 'button', class: 'main', id: 'run', onclick: () => runInto(result, panel, command(), done)}, t('convert.run')),
    box.element, panel.element, result);
  await box.show(command());
  resume(result, panel, 'convert', app.model, done);
}
