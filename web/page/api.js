// SPDX-License-Identifier: Apache-2.0
// What the server can be asked. Failures are thrown as Refused, with what to do.

export class Refused extends Error {
  constructor(what, fix) {
    super(what);
    this.fix = fix;
  }
}

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {method, body, credentials: 'same-origin'});
  } catch {
    throw new Refused('ork gui does not answer', 'start it again and open the address that it prints');
  }
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  throw new Refused(told.error?.what ?? `the server answered ${answer.status}`, told.error?.fix ?? '');
}

/** "a b/c.jpg" -> the address of that file of the project */
export const fileAddress = (path) => '/files/' + path.split('/').map(encodeURIComponent).join('/');

export const project = () => ask('GET', '/api/project');
export const files = () => ask('GET', '/api/files');
export const upload = (path, data, replace) => ask('PUT', fileAddress(path) + (replace ? '?replace=1' : ''), data);
/** {shell, python} of a command {verb, arguments, options}. */
export const describe = (command) => ask('POST', '/api/command', JSON.stringify(command));
export const start = async (command) => (await ask('POST', '/api/jobs', JSON.stringify(command))).number;
export const jobs = () => ask('GET', '/api/jobs');
export const job = (number, from) => ask('GET', `/api/jobs/${number}?from=${from}`);
export const result = (number) => ask('GET', `/api/jobs/${number}/result`);
export const cancel = (number) => ask('DELETE', `/api/jobs/${number}`);

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
export const isOver = (state) => state === 'done' || state === 'failed' || state === 'cancelled';

/** Follows a job to its end, telling `see` of each change; returns {job, result}. */
export async function follow(number, see = () => {}) {
  let from = 0;
  for (let wait = 40; ; wait = Math.min(wait * 1.4, 400)) {
    const now = await job(number, from);
    from = now.log_end;
    see(now);
    if (isOver(now.state)) return {job: now, result: await result(number)};
    await pause(wait);
  }
}

/** Runs a command and returns its document; throws Refused with the error that it told. */
export async function run(command, see) {
  const {job: ended, result: found} = await follow(await start(command), see);
  if (found?.error) throw new Refused(`${found.error.id}: ${found.error.what || found.error.name}`, found.error.why || found.error.fix);
  if (!found) throw new Refused(ended.log || `ork ended with ${ended.exit_code}`, '');
  return found;
}
