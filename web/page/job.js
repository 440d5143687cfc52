// SPDX-License-Identifier: Apache-2.0
// Work in progress: its command, how far it is, its log, and a button that ends it.
import * as api from './api.js';
import {h, replace} from './dom.js';
import {t} from './texts.js';

/** The command that does the same in a shell and, where there is one, in Python. */
export function commandBox() {
  const shell = h('code', {}), python = h('code', {});
  const scripts = h('details', {hidden: true}, h('summary', {}, 'Python'), h('pre', {tabindex: 0}, python));
  const element = h('div', {class: 'command'}, h('pre', {tabindex: 0, 'aria-label': t('command')}, shell), scripts);
  let latest = 0;
  return {
    element,
    async show(command) {
      const mine = ++latest;
      try {
        const told = await api.describe(command);
        if (mine !== latest) return;
        shell.textContent = told.shell;
        python.textContent = told.python;
        scripts.hidden = !told.python;
      } catch (refused) {
        if (mine === latest) shell.textContent = `# ${refused.message}`;
      }
    },
  };
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${seconds < 10 ? seconds.toFixed(1) : whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A panel that follows a job; {element, see(job)}. */
export function jobPanel() {
  const title = h('strong', {}), stage = h('span', {class: 'dim'}), bar = h('progress', {max: 1, 'aria-label': t('progress')});
  const log = h('pre', {tabindex: 0, 'aria-label': t('log')}), details = h('details', {hidden: true}, h('summary', {}, t('log')), log);
  const stop = h('button', {type: 'button', class: 'stop'}, t('cancel'));
  const element = h('section', {class: 'job', hidden: true}, h('div', {class: 'line'}, title, stage, stop), bar, details);
  let number = 0;
  stop.addEventListener('click', () => api.cancel(number));
  return {
    element,
    get number() { return number; },
    see(job) {
      if (job.number < number) return; // something newer is shown
      if (number !== job.number) log.textContent = '';
      number = job.number;
      element.hidden = false;
      element.dataset.state = job.state;
      title.textContent = t(`state.${job.state}`);
      const over = api.isOver(job.state);
      bar.hidden = stop.hidden = over;
      if (job.total > 0) bar.value = job.done / job.total;
      else bar.removeAttribute('value');
      const left = job.seconds_left > 0 ? `, ${t('left', duration(job.seconds_left))}` : '';
      stage.textContent = over ? duration(job.seconds) : job.total ? `${job.stage} ${job.done}/${job.total}${left}` : job.stage;
      log.append(job.log);
      details.hidden = log.textContent === '';
    },
  };
}

/** An error for people. */
export function problem(refused) {
  return h('div', {class: 'problem', role: 'alert'}, h('strong', {}, refused.message), refused.fix && h('p', {}, refused.fix));
}

/** Shows the last work of a verb on a network, running or done, as it would have been without leaving the view. */
export async function resume(place, panel, verb, model, show) {
  const {number} = (await api.jobs()).findLast(({request}) => request.verb === verb && request.arguments[0] === model) ?? {};
  if (!number) return;
  const {result} = await api.follow(number, panel.see);
  if (result && !result.error && panel.number === number) replace(place, show(result));
}

/** Runs a command, showing its progress in `panel`, and what `show` makes of its result in `place`. */
export async function runInto(place, panel, command, show) {
  try {
    replace(place, show(await api.run(command, panel.see)));
  } catch (refused) {
    replace(place, problem(refused));
  }
}
