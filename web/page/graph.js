// SPDX-License-Identifier: Apache-2.0
// The network as a drawing. Places come from `ork graph`; here it is only painted, moved and searched.
import * as api from './api.js';
import {h, replace} from './dom.js';
import {commandBox, jobPanel, problem} from './job.js';
import {t} from './texts.js';

const COLOURS = ['#0072b2', '#009e73', '#d55e00', '#cc79a7', '#8a6d00', '#3a7ca5', '#5b6572', '#7a5195'];
const LEAST_TEXT = 0.35; // boxes are written into from this zoom on

/** A colour for each word, the same one each time. */
function colours() {
  const known = new Map();
  return (word) => {
    if (!known.has(word)) known.set(word, COLOURS[known.size % COLOURS.length]);
    return known.get(word);
  };
}

const operatorOf = (box) => box.layers[0]?.operator ?? box.kind;
const typeOf = (box) => box.type.split(' ')[0];
const nameOf = (box) => box.layers.map((layer) => layer.name).join(' + ') || box.tensor;

/** Boxes and links by their rows of 500 units, so that only what is seen is painted. */
function byHeight(items, top, bottom) {
  const rows = new Map();
  for (const item of items) {
    for (let row = Math.floor(top(item) / 500); row <= Math.floor(bottom(item) / 500); row++) {
      if (!rows.has(row)) rows.set(row, []);
      rows.get(row).push(item);
    }
  }
  return (from, to) => {
    const seen = new Set();
    for (let row = Math.floor(from / 500); row <= Math.floor(to / 500); row++) for (const item of rows.get(row) ?? []) seen.add(item);
    return seen;
  };
}

class Drawing {
  constructor(canvas, diagram, chosen) {
    Object.assign(this, {canvas, diagram, chosen, x: 0, y: 0, zoom: 1, marked: null, found: new Set(), colourOf: operatorOf});
    this.boxes = byHeight(diagram.boxes, (box) => box.y, (box) => box.y + box.height);
    this.links = byHeight(diagram.links, (link) => Math.min(...link.points.map((p) => p[1])), (link) => Math.max(...link.points.map((p) => p[1])));
    this.frames = 0;
    new ResizeObserver(() => this.later()).observe(canvas);
    this.listen();
    this.start();
  }

  start() {
    const width = this.canvas.clientWidth;
    this.zoom = Math.min(1, Math.max(0.4, width / this.diagram.width));
    this.x = (this.diagram.width - width / this.zoom) / 2;
    this.y = -20 / this.zoom;
    this.later();
  }

  fit() {
    const {clientWidth: width, clientHeight: height} = this.canvas;
    this.zoom = Math.min(width / this.diagram.width, height / this.diagram.height) * 0.96;
    this.x = (this.diagram.width - width / this.zoom) / 2;
    this.y = (this.diagram.height - height / this.zoom) / 2;
    this.later();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const {canvas} = this, ratio = devicePixelRatio, style = getComputedStyle(canvas), context = canvas.getContext('2d');
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = this.zoom * ratio;
    context.setTransform(scale, 0, 0, scale, -this.x * scale, -this.y * scale);
    const top = this.y, bottom = this.y + canvas.clientHeight / this.zoom;
    this.paintLinks(context, top, bottom, style.getPropertyValue('--dim'));
    const ink = style.color, colour = colours();
    for (const box of this.diagram.boxes) colour(this.colourOf(box)); // in the order of the network
    context.font = '13px system-ui, sans-serif';
    for (const box of this.boxes(top, bottom)) this.paintBox(context, box, colour(this.colourOf(box)), ink);
    this.frames++;
    canvas.dataset.frames = this.frames;
  }

  paintLinks(context, top, bottom, colour) {
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1, 0.6 / this.zoom);
    context.beginPath();
    for (const link of this.links(top, bottom)) {
      const [first, ...rest] = link.points;
      context.moveTo(...first);
      for (const point of rest) context.lineTo(...point);
    }
    context.stroke();
  }

  paintBox(context, box, colour, ink) {
    const {x, y, width, height} = box, marked = box === this.marked || this.found.has(box);
    context.fillStyle = colour;
    context.globalAlpha = marked ? 0.45 : 0.18;
    context.fillRect(x, y, width, height);
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.lineWidth = marked ? 4 : 1.5;
    context.strokeRect(x, y, width, height);
    if (this.zoom < LEAST_TEXT) return;
    context.fillStyle = ink;
    context.save();
    context.beginPath();
    context.rect(x, y, width - 4, height);
    context.clip();
    context.fillText(box.layers.map((layer) => layer.operator).join(' + ') || box.kind, x + 8, y + 20);
    context.globalAlpha = 0.75;
    context.fillText(box.layers[0]?.name ?? box.tensor, x + 8, y + 37);
    context.fillText(box.type, x + 8, y + 54);
    context.restore();
  }

  /** Keeps the place under the pointer where it is. */
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const zoom = Math.min(4, Math.max(0.005, this.zoom * factor));
    this.x += x / this.zoom - x / zoom;
    this.y += y / this.zoom - y / zoom;
    this.zoom = zoom;
    this.later();
  }

  move(x, y) {
    this.x += x / this.zoom;
    this.y += y / this.zoom;
    this.later();
  }

  mark(box, bring) {
    this.marked = box;
    if (bring && box) {
      this.zoom = Math.max(this.zoom, 0.6);
      this.x = box.x + box.width / 2 - this.canvas.clientWidth / 2 / this.zoom;
      this.y = box.y + box.height / 2 - this.canvas.clientHeight / 2 / this.zoom;
    }
    this.chosen(box);
    this.later();
  }

  boxAt(x, y) {
    const at = [this.x + x / this.zoom, this.y + y / this.zoom];
    return [...this.boxes(at[1], at[1])].find((box) => at[0] >= box.x && at[0] <= box.x + box.width && at[1] >= box.y
      && at[1] <= box.y + box.height) ?? null;
  }

  find(text) {
    const words = text.toLowerCase();
    const boxes = words ? this.diagram.boxes.filter((box) => `${nameOf(box)} ${operatorOf(box)}`.toLowerCase().includes(words)) : [];
    this.found = new Set(boxes);
    if (boxes.length) this.mark(boxes[0], true);
    this.later();
    return boxes.length;
  }

  /** The box before or behind the marked one. */
  step(by) {
    const at = this.diagram.boxes.indexOf(this.marked) + by;
    if (at >= 0 && at < this.diagram.boxes.length) this.mark(this.diagram.boxes[at], true);
  }

  listen() {
    const {canvas} = this;
    let from = null, moved = 0;
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      if (event.ctrlKey || !event.shiftKey) this.zoomBy(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
      else this.move(event.deltaX, event.deltaY);
    }, {passive: false});
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = event;
      moved = 0;
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!from) return;
      moved += Math.abs(event.offsetX - from.offsetX) + Math.abs(event.offsetY - from.offsetY);
      this.move(from.offsetX - event.offsetX, from.offsetY - event.offsetY);
      from = event;
    });
    canvas.addEventListener('pointerup', (event) => {
      from = null;
      if (moved < 4) this.mark(this.boxAt(event.offsetX, event.offsetY), false);
    });
    const keys = {ArrowLeft: () => this.move(-60, 0), ArrowRight: () => this.move(60, 0), ArrowUp: () => this.move(0, -60),
      ArrowDown: () => this.move(0, 60), '+': () => this.zoomBy(1.25), '-': () => this.zoomBy(0.8), 0: () => this.fit(),
      n: () => this.step(1), p: () => this.step(-1)};
    canvas.addEventListener('keydown', (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

function details(box) {
  if (!box) return h('p', {class: 'dim'}, t('graph.none'));
  const rows = [[t('tensor'), box.tensor], [t('type'), box.type], [t('quantization'), box.quantization],
    ...box.layers.flatMap((layer) => [[t('layer'), layer.name], [t('operator'), layer.operator], [t('attributes'), layer.attributes],
      [t('scope'), layer.scope]])];
  return h('dl', {}, rows.filter(([, text]) => text).map(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
}

export async function show(place, app) {
  if (!app.files.some((file) => file.path === app.model)) {
    replace(place, h('p', {}, t('model.needed')));
    return;
  }
  const panel = jobPanel(), box = commandBox(), {mean, std, reorder, ...sizes} = app.preprocessing();
  const command = {verb: 'graph', arguments: [app.model], options: sizes};
  const canvas = h('canvas', {class: 'graph', tabindex: 0, role: 'application', 'aria-label': t('view.graph')});
  const about = h('aside', {'aria-live': 'polite'}, details(null));
  const count = h('output', {for: 'find'});
  replace(place, box.element, panel.element);
  box.show(command);
  let diagram;
  try {
    ({diagram} = await api.run(command, panel.see));
  } catch (refused) {
    replace(place, box.element, problem(refused));
    return;
  }
  panel.element.hidden = true;
  let drawing = null;
  const find = h('input', {id: 'find', type: 'search', oninput: () => {
    count.textContent = find.value ? String(drawing.find(find.value)) : '';
    if (!find.value) drawing.find('');
  }});
  const colour = h('select', {id: 'colour', onchange: () => {
    drawing.colourOf = colour.value === 'type' ? typeOf : operatorOf;
    drawing.later();
  }}, ['operator', 'type'].map((name) => h('option', {value: name}, t(`graph.colour.${name}`))));
  replace(place, h('div', {class: 'line'}, h('label', {for: 'find'}, t('graph.find')), find, count, h('label', {for: 'colour'}, t('graph.colour')),
    colour, h('button', {type: 'button', onclick: () => drawing.fit()}, t('graph.fit')), h('span', {class: 'dim'}, t('graph.about'))),
  h('div', {class: 'split'}, canvas, about), box.element);
  drawing = new Drawing(canvas, diagram, (chosen) => replace(about, details(chosen)));
}
