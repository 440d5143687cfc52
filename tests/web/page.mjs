// SPDX-License-Identifier: Apache-2.0
// The page in a browser: the whole way from a network to boxes on a picture, in both languages.
//
//   node page.mjs ORK EXAMPLES MODULES [SCREENSHOTS]
//
// MODULES holds playwright-core and axe-core; the browser is Debian's chromium.
import assert from 'node:assert/strict';
import {spawn, execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';

const [ork, examples, modules, screenshots] = process.argv.slice(2).map((name) => path.resolve(name));
const require = createRequire(path.join(modules, 'node_modules', 'x.js'));
const {chromium} = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const eyes = path.join(examples, 'eyes');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ork-page-'));
fs.mkdirSync(path.join(folder, 'pictures'));
for (const name of fs.readdirSync(path.join(eyes, 'calibration')).sort().slice(0, 6)) {
  fs.copyFileSync(path.join(eyes, 'calibration', name), path.join(folder, 'pictures', name));
}
const pictures = fs.readdirSync(path.join(folder, 'pictures')).map((name) => `pictures/${name}\n`);
fs.writeFileSync(path.join(folder, 'list.txt'), pictures.join(''));
fs.writeFileSync(path.join(folder, 'endless.txt'), Array(3000).fill(pictures.join('')).join(''));
fs.copyFileSync(path.join(eyes, 'labels.txt'), path.join(folder, 'labels.txt'));

const server = spawn(ork, ['gui', folder, '--no-browser', '--json'], {stdio: ['ignore', 'pipe', 'inherit']});
const address = await new Promise((found) => {
  let text = '';
  server.stdout.on('data', (data) => {
    text += data;
    if (text.endsWith('}\n')) found(JSON.parse(text).address);
  });
});
const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: ['--no-sandbox']});
const page = await browser.newPage({viewport: {width: 1280, height: 720}});
page.setDefaultTimeout(120000);
const said = [];
page.on('pageerror', (error) => said.push(error.message));
page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
let checks = 0;

function check(name, passed, detail = '') {
  assert.ok(passed, `${name}: ${detail}`);
  checks++;
}

async function view(name) {
  await page.click(`nav a[href="#${name}"]`);
  await page.waitForSelector(`[data-view=${name}][data-ready]`);
}

async function picture(name) {
  if (screenshots) await page.screenshot({path: path.join(screenshots, `${name}.png`)});
}

/** Serious faults of accessibility in what is shown. */
async function accessible(name) {
  await page.evaluate(axe);
  const faults = await page.evaluate(async () => (await window.axe.run()).violations
    .filter(({impact}) => impact === 'serious' || impact === 'critical')
    .map(({id, nodes}) => `${id}: ${nodes.map((node) => node.html).slice(0, 3).join(' ')}`));
  check(`${name} is accessible`, faults.length === 0, faults.join('\n'));
}

async function project() {
  await page.goto(address);
  await page.waitForSelector('[data-view=project][data-ready]');
  check('the token has left the address line', !page.url().includes('token'));
  await page.setInputFiles('#upload', path.join(eyes, 'eyes.pt'));
  await page.waitForFunction(() => document.querySelector('#model').value === 'eyes.pt');
  check('the file is in the folder', fs.readFileSync(path.join(folder, 'eyes.pt')).equals(fs.readFileSync(path.join(eyes, 'eyes.pt'))));
  await page.fill('[name="input-size"]', '3x416x416');
  await page.fill('[name=mean]', '123.675 116.28 103.53');
  await page.fill('[name=std]', '58.395 57.12 57.375');
  await page.click('#check button.main');
  await page.waitForSelector('#check .verdict.good');
  check('findings', await page.locator('#check tbody tr').count() > 10);
  await picture('project');
  await accessible('project');
}

async function dataset() {
  await view('dataset');
  await page.selectOption('#dataset', 'list.txt');
  await page.click('button.main');
  await page.waitForFunction(() => [...document.querySelectorAll('.pictures img')].filter((image) => image.naturalWidth > 0).length > 0);
  check('pictures', await page.locator('.pictures img').count() === 6);
  await accessible('dataset');
}

async function convert() {
  await view('convert');
  check('the list chosen before', await page.inputValue('[name=dataset]') === 'list.txt');
  await page.fill('[name=output]', 'eyes-u8.rknn');
  await page.check('[name="vendor-exact"]'); // which is quick
  await page.click('#run');
  await page.waitForSelector('.job progress');
  await picture('convert');
  await page.reload(); // in the middle of it
  await page.waitForSelector('.job[data-state=done]');
  await page.waitForSelector('.verdict.good');
  const command = await page.locator('.command code').first().textContent();
  const words = command.match(/'[^']*'|\S+/g).slice(1).map((word) => word.replaceAll("'", '').replace('eyes-u8', 'shell'));
  execFileSync(ork, words, {cwd: folder, stdio: 'ignore'});
  check('the shown command makes the same file', fs.readFileSync(path.join(folder, 'shell.rknn'))
    .equals(fs.readFileSync(path.join(folder, 'eyes-u8.rknn'))));
  await accessible('convert');
}

async function cancel() {
  await page.fill('[name=dataset]', 'endless.txt');
  await page.fill('[name=output]', 'never.rknn');
  await page.click('#run');
  await page.click('.job button.stop');
  await page.waitForSelector('.job[data-state=cancelled]');
  check('nothing is left of it', !fs.readdirSync(folder).some((name) => name.startsWith('never')));
  await page.fill('[name=dataset]', 'list.txt');
  await page.fill('[name=output]', 'eyes-u8.rknn');
}

async function graph() {
  await view('graph');
  await page.waitForSelector('canvas.graph[data-frames]');
  await page.fill('#find', 'dark3');
  check('layers are found', Number(await page.locator('output[for=find]').textContent()) > 3);
  check('and the first is shown', (await page.locator('aside').textContent()).includes('dark3'));
  await picture('graph');
  const frames = () => page.evaluate(() => Number(document.querySelector('canvas.graph').dataset.frames));
  const before = await frames();
  await page.focus('canvas.graph');
  for (const key of ['ArrowDown', '+', '-', 'n', 'p', '0']) await page.keyboard.press(key);
  await page.waitForFunction((count) => Number(document.querySelector('canvas.graph').dataset.frames) > count, before);
  await accessible('graph');
}

async function detect() {
  await view('project');
  await page.setInputFiles('#upload', path.join(eyes, 'test', '00001.jpg'));
  await page.waitForSelector('td:text("00001.jpg")');
  await view('detect');
  await page.fill('#picture', '00001.jpg');
  await page.selectOption('#first', 'eyes.pt');
  await page.selectOption('#second', 'eyes-u8.rknn');
  await page.fill('[name=labels]', 'labels.txt');
  await page.click('#run');
  await page.waitForFunction(() => document.querySelectorAll('.side table').length === 2);
  const counts = await page.$$eval('.side', (sides) => sides.map((side) => side.querySelectorAll('tbody tr').length));
  check('both networks see eyes', counts.every((count) => count >= 3), counts);
  check('names of classes', (await page.locator('.side').first().textContent()).includes('shut-eye'));
  await picture('detect');
  await page.fill('#score', '1');
  check('the threshold is live', await page.locator('.side').first().locator('tbody tr').count() < counts[0]);
  await accessible('detect');
}

async function accuracy() {
  await view('accuracy');
  await page.fill('[name=dataset]', 'list.txt');
  await page.check('[name="vendor-exact"]');
  await page.click('#run');
  await page.waitForSelector('#hybrid');
  check('layers by damage', await page.locator('tbody tr').count() === 20);
  check('the report is written', fs.existsSync(path.join(folder, 'eyes-accuracy.html')));
  await picture('accuracy');
  await accessible('accuracy');
  await page.check('#sixteen-0');
  await page.click('#hybrid');
  await page.waitForSelector('.verdict.good:has-text("eyes-16.rknn")');
  check('a layer has 16 bits', execFileSync(ork, ['info', '--graph', path.join(folder, 'eyes-16.rknn')]).includes('i16'));
}

async function performance() {
  await view('performance');
  for (const section of ['perf', 'bench']) {
    await page.click(`#${section} button.main`);
    await page.waitForSelector(`#${section} .bars tbody tr`);
  }
  await picture('performance');
  await accessible('performance');
}

async function memory() {
  await view('memory');
  await page.click('#run');
  await page.waitForSelector('.lifetimes rect');
  check('tensors over time', await page.locator('.lifetimes rect').count() > 50);
  await picture('memory');
  await accessible('memory');
}

async function devices() {
  await view('devices');
  await page.click('#doctor button.main');
  await page.waitForSelector('#doctor tbody tr');
  await accessible('devices');
}

async function jobs() {
  await view('jobs');
  check('all work is listed', await page.locator('tbody tr').count() >= 8);
  await accessible('jobs');
}

async function everyViewIn(language) {
  for (const name of ['project', 'dataset', 'convert', 'graph', 'accuracy', 'detect', 'performance', 'memory', 'devices', 'jobs']) {
    await view(name);
    const untold = (await page.locator('body').innerText()).match(/\b(view|option|help|state|kind|memory|devices)\.[a-z_-]+/g);
    check(`${name} has its words (${language})`, !untold, untold);
  }
}

try {
  await project();
  await dataset();
  await convert();
  await cancel();
  await graph();
  await detect();
  await accuracy();
  await performance();
  await memory();
  await devices();
  await jobs();
  await page.click('#language');
  check('Chinese', (await page.locator('nav').innerText()).includes('检测'));
  await everyViewIn('zh');
  await view('detect');
  await picture('chinese');
  await page.click('#language');
  await everyViewIn('en');
  check('the browser has nothing to say', said.length === 0, said.join('\n'));
  console.log(`${checks} checks passed`);
} finally {
  await browser.close();
  server.kill('SIGINT');
  await new Promise((ended) => server.on('exit', ended));
  fs.rmSync(folder, {recursive: true});
}
