// SPDX-License-Identifier: Apache-2.0
// What Netron makes of .rknn files, as one line of JSON for each:
//   node netron_check.mjs <folder of Netron's modules> files...
// netron_check.py compares it with what the files hold.
import * as fs from 'fs';
import * as path from 'path';
import { pathToFileURL } from 'url';

const [folder, ...files] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.resolve(folder, name)));
const rknn = await load('rknn.js');
const base = await load('base.js');
const rows = JSON.parse(fs.readFileSync(path.join(folder, 'rknn-metadata.json'), 'utf-8'));
const metadata = { type: (name) => rows.find((row) => row.name === name) || { name } };

const valueOf = (value) => ({
    constant: Boolean(value.initializer),
    dtype: value.type ? value.type.dataType : null,
    // the vendor's order is the reverse of ours
    shape: value.type ? Array.from(value.type.shape.dimensions).reverse() : null,
});
const argumentsOf = (list) => list.flatMap((argument) => argument.value.map(valueOf));

for (const file of files) {
    const context = {
        stream: new base.BinaryStream(new Uint8Array(fs.readFileSync(file))),
        peek: async () => null,
        require: async () => ({ rknn: {}, rknx: {} }),
        metadata: async () => metadata,
        set: (type, value) => { context.value = value; return type; },
    };
    const factory = new rknn.ModelFactory();
    if (await factory.match(context) !== 'rknn') {
        throw new Error(`Netron does not recognise ${file}`);
    }
    const model = await factory.open(context);
    const [graph] = model.modules;
    console.log(JSON.stringify({
        format: model.format,
        inputs: argumentsOf(graph.inputs),
        outputs: argumentsOf(graph.outputs),
        nodes: graph.nodes.map((node) => ({
            name: node.name,
            type: node.type.name,
            inputs: argumentsOf(node.inputs),
            outputs: argumentsOf(node.outputs),
        })),
    }));
}
