// SPDX-License-Identifier: Apache-2.0
// Small charts.
import {h} from './dom.js';

/** Rows of [label, value, text]: a table with a bar for each value. */
export function bars(caption, heads, rows) {
  const most = Math.max(1e-30, ...rows.map(([, value]) => value));
  return h('div', {class: 'wide', tabindex: 0}, h('table', {class: 'bars'}, h('caption', {}, caption),
    h('thead', {}, h('tr', {}, heads.map((head) => h('th', {scope: 'col'}, head)))),
    h('tbody', {}, rows.map(([label, value, text, ...more]) => h('tr', {}, h('th', {scope: 'row'}, label),
      h('td', {}, h('meter', {min: 0, max: 1, value: value / most, 'aria-label': text})), h('td', {class: 'number'}, text),
      more.map((cell) => h('td', {}, cell)))))));
}

/** A table of texts. */
export function table(caption, heads, rows) {
  return h('div', {class: 'wide', tabindex: 0}, h('table', {}, h('caption', {}, caption),
    h('thead', {}, h('tr', {}, heads.map((head) => h('th', {scope: 'col'}, head)))),
    h('tbody', {}, rows.map((row) => h('tr', {}, row.map((cell) => h('td', {}, cell)))))));
}
