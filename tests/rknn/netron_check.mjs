// SPDX-License-Identifier: Apache-2.0
// Shows what Netron makes of .rknn files: node netron_check.mjs <netron's source folder> files...
// Fails when Netron refuses a file or shows no nodes.
import * as fs from 'fs';
import * as path from 'path';
import { pathToFileURL } from 'url';

const [folder, ...files] = process.argv.slice(2);
if (!folder || !fs.existsSync(path.join(folder, 'rknn.js'))) {
    console.log('skipped: no Netron source folder given');
    process.exit(77);
}
const load = (name) => import(pathToFileURL(path.resolve(folder, name)));
const rknn = await load('rknn.js');
const base = await load('base.js');
const rows = JSON.parse(fs.readFileSync(path.join(folder, 'rknn-metadata.json'), 'utf-8'));
const metadata = { type: (name) => rows.find((row) => row.name === name) || { name } };

for (const file of files) {
    const data = fs.readFileSync(file);
    const context = {
        stream: new base.BinaryStream(new Uint8Array(data)),
        peek: async () => null,
        require: async () => ({ rknn: {}, rknx: {} }),
        metadata: async () => metadata,
        set: (type, value) => { context.value = value; return type; },
    };
    const factory = new rknn.ModelFactory();
    await factory.match(context);
    const model = await factory.open(context);
    const graph = model.modules[0];
    console.log(`${path.basename(file)}: ${model.format} ${graph.name}, ${graph.nodes.length} nodes`);
    for (const node of graph.nodes) {
        const show = (args) => args.map((a) =>
            `${a.name}=${a.value.map((v) => v.type ? v.type.toString() : v.name)}`).join(' ');
        console.log(`  ${node.type.name}: ${show(node.inputs)} -> ${show(node.outputs)}`);
    }
    if (graph.nodes.length === 0) {
        throw new Error(`${file} shows no nodes`);
    }
}
