// SPDX-License-Identifier: Apache-2.0
// All work of this server, the latest first.
import * as api from './api.js';
import {table} from './charts.js';
import {h, replace} from './dom.js';
import {duration, problem} from './job.js';
import {t} from './texts.js';

function row(job, result) {
  const over = api.isOver(job.state);
  const done = job.total && !over ? ` ${Math.floor(100 * job.done / job.total)} %` : '';
  return [String(job.number), h('span', {class: `state ${job.state}`}, t(`state.${job.state}`) + done), h('code', {}, job.command),
    duration(job.seconds), over ? h('button', {type: 'button', onclick: async () => {
      try {
        replace(result, h('h3', {}, job.command), h('pre', {tabindex: 0}, JSON.stringify(await api.result(job.number), null, 1)));
      } catch (refused) {
        replace(result, problem(refused));
      }
    }}, t('jobs.show')) : h('button', {type: 'button', class: 'stop', onclick: () => api.cancel(job.number)}, t('cancel'))];
}

export async function show(place, app) {
  const list = h('div', {}), result = h('div', {});
  replace(place, list, result);
  let drawn = '';
  const draw = async () => {
    const jobs = (await api.jobs()).reverse(), now = JSON.stringify(jobs.map(({number, state, done}) => [number, state, done]));
    if (now === drawn) return;
    drawn = now;
    replace(list, jobs.length ? table(t('view.jobs'), [t('number'), t('state'), t('command'), t('time'),
      h('span', {class: 'hidden'}, t('jobs.show'))], jobs.map((job) => row(job, result))) : h('p', {}, t('jobs.none')));
  };
  await draw();
  const timer = setInterval(() => (place.isConnected ? draw().catch(() => {}) : clearInterval(timer)), 500);
}
