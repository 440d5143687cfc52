// SPDX-License-Identifier: Apache-2.0
// A form for the options of a verb, from the table of the program itself.
import {h} from './dom.js';
import {t} from './texts.js';

function field(option, id, files, changed) {
  const on = {id, name: option.name, onchange: changed, oninput: changed};
  if (option.kind === 'flag') return h('input', {...on, type: 'checkbox'});
  if (option.kind === 'choice') {
    return h('select', on, h('option', {value: ''}, '–'),
      option.value.split('|').map((choice) => h('option', {value: choice}, choice)));
  }
  if (option.kind === 'integer' || option.kind === 'number') {
    return h('input', {...on, type: 'number', step: option.kind === 'integer' ? 1 : 'any'});
  }
  const list = option.kind === 'path' ? `${id}-files` : undefined;
  return [h('input', {...on, type: 'text', list, placeholder: option.value, autocomplete: 'off', spellcheck: 'false'}),
    list && h('datalist', {id: list}, files.map((file) => h('option', {value: file.path})))];
}

function valueOf(option, input) {
  if (option.kind === 'flag') return input.checked || undefined;
  if (input.value === '') return undefined;
  if (option.kind === 'integer' || option.kind === 'number') return Number(input.value);
  return option.kind === 'list' ? input.value.split(';').map((part) => part.trim()).filter(Boolean) : input.value;
}

/** A form of the named options, or of all; {element, values(), set(values)}. */
export function optionForm(verb, files, changed, names, but = []) {
  const shown = (names ? names.map((name) => verb.options.find((option) => option.name === name)) : verb.options)
    .filter((option) => option && !but.includes(option.name));
  const rows = shown.map((option) => {
    const id = `option-${verb.name}-${option.name}`;
    return h('div', {class: 'row'}, h('label', {for: id}, t(`option.${option.name}`, option.name)),
      h('div', {}, field(option, id, files, changed), h('p', {class: 'dim'}, t(`help.${option.name}`, option.help))));
  });
  const element = h('div', {class: 'form'}, rows);
  const inputs = () => shown.map((option) => [option, element.querySelector(`[name="${option.name}"]`)]);
  return {
    element,
    values: () => Object.fromEntries(inputs().map(([option, input]) => [option.name, valueOf(option, input)])
      .filter(([, value]) => value !== undefined)),
    set(values) {
      for (const [option, input] of inputs()) {
        const value = values[option.name];
        if (option.kind === 'flag') input.checked = Boolean(value);
        else input.value = Array.isArray(value) ? value.join('; ') : value ?? '';
      }
    },
  };
}
