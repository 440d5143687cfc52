// SPDX-License-Identifier: Apache-2.0
// The frame of the page: which view is shown, which network is chosen, language and theme.
import * as api from './api.js';
import {h, replace} from './dom.js';
import {problem} from './job.js';
import {language, setLanguage, t} from './texts.js';
import * as project from './project.js';
import * as dataset from './dataset.js';
import * as convert from './convert.js';
import * as graph from './graph.js';
import * as accuracy from './accuracy.js';
import * as detect from './detect.js';
import * as performance from './performance.js';
import * as memory from './memory.js';
import * as devices from './devices.js';
import * as jobs from './jobs.js';

const views = {project, dataset, convert, graph, accuracy, detect, performance, memory, devices, jobs};
const byId = (id) => document.getElementById(id);

/** What the views share. What the user has put in stays through reloads, apart for each folder. */
const app = {
  folder: '', version: '', verbs: {}, files: [],
  get model() { return this.remembered('model', ''); },
  set model(path) { this.remember('model', path); },
  remember(key, value) { localStorage.setItem(`${this.folder}\n${key}`, JSON.stringify(value)); },
  remembered(key, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`${this.folder}\n${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  /** Files of one of the kinds. */
  ofKind(...kinds) { return this.files.filter((file) => kinds.includes(file.kind)); },
  /** The options that say how pictures become the input of the chosen network; a .rknn file has its own. */
  preprocessing(path = this.model) { return path.endsWith('.rknn') ? {} : this.remembered('input', {}); },
  async refresh() {
    this.files = await api.files();
    drawTop();
  },
  async choose(path) {
    this.model = path;
    drawTop();
    await show();
  },
  go(view) { location.hash = view; },
};

function modelChooser() {
  const models = app.ofKind('network', 'model').map((file) => file.path);
  const chosen = models.includes(app.model) ? app.model : '';
  return h('label', {}, t('model'), ' ', h('select', {id: 'model', onchange: (event) => app.choose(event.target.value)},
    h('option', {value: ''}, t('model.none')),
    models.map((path) => h('option', {value: path, selected: path === chosen}, path))));
}

function setTheme(name) {
  localStorage.setItem('theme', name);
  if (name === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

function drawTop() {
  const theme = localStorage.getItem('theme') ?? 'auto';
  setTheme(theme);
  replace(byId('top'), h('h1', {}, 'OpenRKNN'), h('span', {class: 'dim folder', title: app.folder}, app.folder), modelChooser(),
    h('label', {}, t('theme'), ' ', h('select', {id: 'theme', onchange: (event) => setTheme(event.target.value)},
      ['auto', 'light', 'dark'].map((name) => h('option', {value: name, selected: name === theme}, t(`theme.${name}`))))),
    h('button', {type: 'button', id: 'language', lang: language() === 'en' ? 'zh' : 'en', onclick: () => {
      setLanguage(language() === 'en' ? 'zh' : 'en');
      drawTop();
      show();
    }}, t('language')));
}

function currentView() {
  const name = location.hash.slice(1);
  return views[name] ? name : 'project';
}

async function show() {
  const name = currentView();
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  byId('skip').textContent = t('skip');
  document.title = `${t(`view.${name}`)} – OpenRKNN`;
  replace(byId('views'), Object.keys(views).map((view) =>
    h('a', {href: `#${view}`, 'aria-current': view === name ? 'page' : undefined}, t(`view.${view}`))));
  const place = h('div', {class: 'view', 'data-view': name});
  replace(byId('content'), h('h2', {}, t(`view.${name}`)), place);
  try {
    await views[name].show(place, app);
    place.dataset.ready = '';
  } catch (refused) {
    replace(place, problem(refused));
  }
}

async function begin() {
  try {
    const told = await api.project();
    app.folder = told.folder;
    app.version = told.version;
    app.verbs = Object.fromEntries(told.verbs.map((verb) => [verb.name, verb]));
    await app.refresh();
    await show();
  } catch (refused) {
    replace(byId('content'), problem(refused));
  }
}

window.addEventListener('hashchange', show);
begin();
