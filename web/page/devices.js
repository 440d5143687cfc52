// SPDX-License-Identifier: Apache-2.0
// Boards, and everything between this computer and them.
import {table} from './charts.js';
import {h, replace} from './dom.js';
import {commandBox, jobPanel, runInto} from './job.js';
import {t} from './texts.js';

const mark = (good) => h('span', {class: `state ${good ? 'done' : 'failed'}`}, t(good ? 'devices.good' : 'devices.bad'));

function boards({devices}) {
  return devices.length ? table(t('view.devices'), [t('number'), t('state'), t('devices.model'), t('instead')],
    devices.map((board) => [board.id, mark(!board.error), board.model, board.fix])) : h('p', {}, t('devices.none'));
}

const checkup = ({items}) => table(t('devices.doctor'), ['', t('state'), t('devices.found'), t('instead')],
  items.map((item) => [item.name, mark(item.good), item.text, item.fix]));

function section(verb, title, draw) {
  const place = h('div', {}), panel = jobPanel(), box = commandBox(), command = {verb, arguments: []};
  box.show(command);
  return h('section', {id: verb}, h('button', {type: 'button', class: 'main', onclick: () => runInto(place, panel, command, draw)}, title),
    box.element, panel.element, place);
}

export async function show(place) {
  replace(place, h('p', {}, t('devices.about')), section('devices', t('devices.run'), boards),
    section('doctor', t('devices.doctor'), checkup));
}
