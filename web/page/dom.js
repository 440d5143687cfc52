// SPDX-License-Identifier: Apache-2.0
// Building elements: h('p', {class: 'dim', onclick: f}, 'text', element, [more]).

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  return fill(set(element, attributes), children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  return fill(set(element, attributes), children);
}

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'value' || key === 'checked' || key === 'disabled' || key === 'max') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  return element;
}

function fill(element, children) {
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren();
  return fill(element, children);
}

export function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${bytes >= 100 || unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** 1234567 -> "1.23 M" */
export function many(number) {
  const units = ['', ' k', ' M', ' G', ' T'];
  let unit = 0;
  while (Math.abs(number) >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit++;
  }
  return (Number.isInteger(number) && unit === 0 ? String(number) : number.toPrecision(3)) + units[unit];
}
