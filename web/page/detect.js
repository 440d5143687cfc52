// SPDX-License-Identifier: Apache-2.0
// Objects on a picture, as two networks see them.
import * as api from './api.js';
import {table} from './charts.js';
import {h, replace} from './dom.js';
import {commandBox, jobPanel, problem} from './job.js';
import {optionForm} from './options.js';
import {t} from './texts.js';

const LEAST_SCORE = 0.05; // boxes below it are not asked for; those above are shown by the slider
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#f0e442']; // Okabe and Ito
const colour = (index) => COLOURS[index % COLOURS.length];

function draw(canvas, image, boxes) {
  const context = canvas.getContext('2d'), line = Math.max(2, image.naturalWidth / 250);
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  context.drawImage(image, 0, 0);
  context.lineWidth = line;
  context.font = `${6 * line}px system-ui, sans-serif`;
  for (const box of boxes) {
    const [x, y, width, height] = box.bbox, text = `${box.category} ${box.score.toFixed(2)}`;
    context.strokeStyle = context.fillStyle = colour(box.category_id);
    context.strokeRect(x, y, width, height);
    context.fillRect(x - line / 2, y - 7 * line, context.measureText(text).width + 2 * line, 7 * line);
    context.fillStyle = '#fff';
    context.fillText(text, x + line / 2, y - 1.5 * line);
  }
}

/** One network's picture, list of boxes, command and progress. */
function side(app, title, id, remembered, mayBeNone) {
  const canvas = h('canvas', {role: 'img', 'aria-label': title}), list = h('div', {}), panel = jobPanel(), box = commandBox();
  const models = app.ofKind('network', 'model').map((file) => file.path);
  const chooser = h('select', {id, onchange: () => app.remember(id, chooser.value)},
    mayBeNone && h('option', {value: ''}, t('detect.none')),
    models.map((path) => h('option', {value: path, selected: path === remembered}, path)));
  const element = h('section', {class: 'side'}, h('div', {class: 'line'}, h('label', {for: id}, title), chooser), canvas,
    panel.element, list, box.element);
  let found = null;
  return {
    element,
    async run(picture, options) {
      found = null;
      if (!chooser.value) return replace(list);
      const command = {verb: 'detect', arguments: [chooser.value, picture],
        options: {...app.preprocessing(chooser.value), ...options, score: LEAST_SCORE, 'no-output': true}};
      box.show(command);
      try {
        found = (await api.run(command, panel.see)).results;
      } catch (refused) {
        replace(list, problem(refused));
      }
    },
    show(image, least) {
      const boxes = (found ?? []).filter((b) => b.score >= least).sort((a, b) => b.score - a.score);
      draw(canvas, image, boxes);
      canvas.setAttribute('aria-label', `${title}: ${t('detect.boxes', boxes.length)}`);
      if (found) replace(list, table(t('detect.boxes', boxes.length), [t('class'), t('score'), t('box')],
        boxes.map((b) => [h('span', {}, h('i', {class: `key c${b.category_id % COLOURS.length}`}), b.category), b.score.toFixed(3),
          b.bbox.map(Math.round).join(', ')])));
    },
  };
}

const loaded = (address) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = () => failed(new api.Refused('the picture cannot be shown', ''));
  image.src = address;
});

export async function show(place, app) {
  const pictures = app.ofKind('picture').map((file) => file.path), said = h('div', {});
  const first = side(app, t('detect.first'), 'first', app.remembered('first', app.model), false);
  const second = side(app, t('detect.second'), 'second', app.remembered('second', ''), true);
  const form = optionForm(app.verbs.detect, app.files, () => app.remember('detect', form.values()), ['labels', 'letterbox', 'bgr']);
  form.set(app.remembered('detect', {}));
  const list = h('datalist', {id: 'pictures'}, pictures.map((path) => h('option', {value: path})));
  const picture = h('input', {id: 'picture', list: 'pictures', value: app.remembered('picture', pictures[0] ?? ''), autocomplete: 'off',
    onchange: () => app.remember('picture', picture.value)});
  const least = h('input', {id: 'score', type: 'range', min: LEAST_SCORE, max: 1, step: 0.01, value: 0.3, oninput: () => redraw()});
  const shown = h('output', {for: 'score'}, '0.30');
  let image = null;
  const redraw = () => {
    shown.textContent = Number(least.value).toFixed(2);
    if (image) for (const one of [first, second]) one.show(image, Number(least.value));
  };
  const run = async () => {
    replace(said);
    try {
      image = await loaded(api.fileAddress(picture.value));
      redraw();
      await Promise.all([first, second].map((one) => one.run(picture.value, form.values())));
      redraw();
    } catch (refused) {
      replace(said, problem(refused));
    }
  };
  replace(place, h('p', {}, t('detect.about')), form.element, h('div', {class: 'line'}, h('label', {for: 'picture'}, t('detect.picture')),
    picture, list, h('button', {type: 'button', class: 'main', id: 'run', onclick: run}, t('detect.run')),
    h('label', {for: 'score'}, t('detect.score')), least, shown), said, h('div', {class: 'sides'}, first.element, second.element));
}
