import { InferenceSession } from "onnxruntime-node";
import { graphSignatures, inferScenes, parseAirConfig } from "@air-onnx/core";
// ../onnx-writer.ts
/**
* Writes small ONNX models as bytes, for tests: just enough of the protobuf wire format and of onnx.proto (IR 8,
* opset 17) for float32 graphs whose first dimension is `batch`.
*/
const bytes = (field, content) => Buffer.concat([
	varint(field << 3 | 2),
	varint(content.length),
	content
]);
const text = (field, content) => bytes(field, Buffer.from(content));
const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
function varint(value) {
	const out = [];
	for (; value > 127; value = Math.floor(value / 128)) out.push(value % 128 | 128);
	return Uint8Array.from([...out, value]);
}
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;
function writeModel(graph) {
	return Buffer.concat([
		integer(1, 8),
		bytes(8, integer(2, 17)),
		bytes(7, Buffer.concat([
			...graph.nodes.map((node) => bytes(1, writeNode(node))),
			text(2, "test"),
			...Object.entries(graph.weights).map(([name, { shape, values }]) => bytes(5, writeTensor(name, FLOAT, shape, Buffer.from(Float32Array.from(values).buffer)))),
			...Object.entries(graph.indices).map(([name, values]) => bytes(5, writeTensor(name, INT64, [values.length], Buffer.from(BigInt64Array.from(values, BigInt).buffer)))),
			...Object.entries(graph.inputs).map(([name, shape]) => bytes(11, writeValueInfo(name, shape))),
			...Object.entries(graph.outputs).map(([name, shape]) => bytes(12, writeValueInfo(name, shape)))
		]))
	]);
}
function writeNode({ op, inputs, outputs, attributes = {} }) {
	return Buffer.concat([
		...inputs.map((name) => text(1, name)),
		...outputs.map((name) => text(2, name)),
		text(4, op),
		...Object.entries(attributes).map(([name, value]) => bytes(5, Buffer.concat([
			text(1, name),
			integer(3, value),
			integer(20, ATTRIBUTE_INT)
		])))
	]);
}
function writeTensor(name, type, shape, raw) {
	return Buffer.concat([
		...shape.map((side) => integer(1, side)),
		integer(2, type),
		text(8, name),
		bytes(9, raw)
	]);
}
function writeValueInfo(name, shape) {
	const dimensions = [text(2, "batch"), ...shape.map((side) => integer(1, side))];
	const tensorType = Buffer.concat([integer(1, FLOAT), bytes(2, Buffer.concat(dimensions.map((dimension) => bytes(1, dimension))))]);
	return Buffer.concat([text(1, name), bytes(2, bytes(1, tensorType))]);
}
// bench.ts
let tot = 0;
const config = parseAirConfig({});
var B = class {
	nodes = [];
	weights = {};
	indices = {};
	n = 0;
	op(op, inputs, output = `v${this.n++}`, attributes = {}) {
		this.nodes.push({
			op,
			inputs,
			outputs: [output],
			attributes
		});
		return output;
	}
	w(shape, f) {
		const k = `w${this.n++}`;
		this.weights[k] = {
			shape,
			values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => f(i))
		};
		return k;
	}
	ix(...v) {
		const k = `i${this.n++}`;
		this.indices[k] = v;
		return k;
	}
	lin(x, a, b) {
		return this.op("MatMul", [x, this.w([a, b], (i) => Math.sin(i * 1.3) * .5 / Math.sqrt(a))]);
	}
	rs(x, ...s) {
		return this.op("Reshape", [x, this.ix(...s)]);
	}
	sc(x, f) {
		return this.op("Mul", [x, this.w([1], () => f)]);
	}
	sum(x) {
		return this.op("ReduceSum", [x, this.ix(1)], void 0, { keepdims: 0 });
	}
	sq(x) {
		return this.op("Mul", [x, x]);
	}
	id(x, o) {
		this.op("Identity", [x], o);
	}
	build(name) {
		return {
			...graphSignatures(config)[name],
			nodes: this.nodes,
			weights: this.weights,
			indices: this.indices
		};
	}
};
const e = new B();
{
	const f = e.rs("image", 0, 2500);
	e.id(e.lin(f, 2500, 1024), "image_gates");
	e.id(e.sc(e.sum(e.sq(f)), -5), "log_likelihood");
}
const s = new B();
{
	const f = s.rs("image", 0, 2500), fc = s.rs("canvas", 0, 2500);
	const rec = s.op("Concat", [
		"hidden",
		"z_where",
		"z_what"
	], void 0, { axis: 1 });
	const g = s.op("Add", ["image_gates", s.lin(rec, 309, 1024)]);
	const h = s.op("Tanh", [s.lin(g, 1024, 256)]);
	s.id(h, "next_hidden");
	s.id(s.op("Tanh", ["cell"]), "next_cell");
	const p = s.op("Relu", [s.lin(h, 256, 200)]);
	s.id(s.sc(s.op("Sub", [s.sum(f), s.sum(fc)]), .01), "presence_logit");
	const wm = s.op("Add", [s.lin(p, 200, 3), s.w([3], (i) => i == 0 ? 3 : 0)]);
	const ws = s.op("Sigmoid", [s.lin(p, 200, 3)]);
	const zw = s.op("Add", [wm, s.op("Mul", [ws, "eps_where"])]);
	s.id(wm, "z_where_mean");
	s.id(ws, "z_where_std");
	s.id(zw, "next_z_where");
	s.id(s.sum(s.sq(wm)), "kl_where");
	const A = s.w([28, 50], (i) => Math.max(0, Math.sin(i)) * .2), AT = s.w([50, 28], (i) => Math.max(0, Math.sin(i)) * .2);
	const gl = s.op("MatMul", [s.op("MatMul", [A, "image"]), AT]);
	s.id(gl, "glimpse");
	const eh = s.op("Relu", [s.lin(s.rs(gl, 0, 784), 784, 200)]);
	const qm = s.lin(eh, 200, 50), qs = s.op("Sigmoid", [s.lin(eh, 200, 50)]);
	const zt = s.op("Add", [qm, s.op("Mul", [qs, "eps_what"])]);
	s.id(qm, "z_what_mean");
	s.id(qs, "z_what_std");
	s.id(zt, "next_z_what");
	s.id(s.sum(s.sq(qm)), "kl_what");
	const pa = s.rs(s.op("Sigmoid", [s.lin(s.op("Relu", [s.lin(zt, 50, 200)]), 200, 784)]), 0, 1, 28, 28);
	s.id(pa, "patch");
	const wr = s.op("MatMul", [s.op("MatMul", [AT, pa]), A]);
	const nc = s.op("Add", ["canvas", wr]);
	s.id(nc, "next_canvas");
	s.id(s.sc(s.sum(s.sq(s.op("Sub", [f, s.rs(nc, 0, 2500)]))), -5), "log_likelihood");
}
for (const threads of [1, 2]) {
	const o = {
		intraOpNumThreads: threads,
		executionProviders: ["cpu"]
	};
	const sessions = {
		encoder: await InferenceSession.create(writeModel(e.build("encoder")), o),
		step: await InferenceSession.create(writeModel(s.build("step")), o)
	};
	const N = 512;
	const images = Float32Array.from({ length: 2500 * N }, (_, i) => (Math.sin(i * .37) + 1) / 2);
	for (const batchSize of [
		1,
		8,
		16,
		32,
		64,
		128,
		256,
		512
	]) {
		let best = 1e9;
		for (let r = 0; r < 4; r++) {
			const t = performance.now();
			await inferScenes(sessions, config, batchSize === 1 ? images.subarray(0, 16e4) : images, {
				batchSize,
				earlyStop: false,
				mode: process.argv[2] ?? "mean"
			});
			best = Math.min(best, (performance.now() - t) / (batchSize === 1 ? 64 : N));
		}
		console.log(`threads ${threads} batch ${batchSize}: ${best.toFixed(3)} ms/image`);
	}
	const t0 = performance.now();
	await inferScenes({
		encoder: { run: async (f, n) => {
			const t = performance.now();
			const r = await sessions.encoder.run(f, n);
			tot += performance.now() - t;
			return r;
		} },
		step: { run: async (f, n) => {
			const t = performance.now();
			const r = await sessions.step.run(f, n);
			tot += performance.now() - t;
			return r;
		} }
	}, config, images, {
		batchSize: 64,
		earlyStop: false,
		mode: process.argv[2] ?? "mean"
	});
	const all = performance.now() - t0;
	console.log(`graphs ${tot.toFixed(1)} of ${all.toFixed(1)} ms`);
	await sessions.encoder.release();
	await sessions.step.release();
}
export {};
