import {rolldown} from "rolldown";
const b=await rolldown({input:"bench.ts",external:["onnxruntime-node","@air-onnx/core","onnxruntime-common"],platform:"node"});
await b.write({file:"bench.mjs"});
