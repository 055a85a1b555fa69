import { InferenceSession } from "onnxruntime-node";
import { inferScenes, parseAirConfig, graphSignatures } from "@air-onnx/core";
import { writeModel, type Graph, type Node } from "../onnx-writer.js";
let tot=0;
const config = parseAirConfig({});
const S=50,O=28;
class B { nodes: Node[]=[]; weights: any={}; indices:any={}; n=0;
 op(op:string,inputs:string[],output=`v${this.n++}`,attributes:any={}){this.nodes.push({op,inputs,outputs:[output],attributes});return output;}
 w(shape:number[],f:(i:number)=>number){const k=`w${this.n++}`;this.weights[k]={shape,values:Array.from({length:shape.reduce((a,b)=>a*b,1)},(_,i)=>f(i))};return k;}
 ix(...v:number[]){const k=`i${this.n++}`;this.indices[k]=v;return k;}
 lin(x:string,a:number,b:number){return this.op("MatMul",[x,this.w([a,b],i=>Math.sin(i*1.3)*0.5/Math.sqrt(a))]);}
 rs(x:string,...s:number[]){return this.op("Reshape",[x,this.ix(...s)]);}
 sc(x:string,f:number){return this.op("Mul",[x,this.w([1],()=>f)]);}
 sum(x:string){return this.op("ReduceSum",[x,this.ix(1)],undefined,{keepdims:0});}
 sq(x:string){return this.op("Mul",[x,x]);}
 id(x:string,o:string){this.op("Identity",[x],o);}
 build(name:"encoder"|"step"|"decoder"):Graph{return {...graphSignatures(config)[name],nodes:this.nodes,weights:this.weights,indices:this.indices} as Graph;}
}
const e=new B(); {const f=e.rs("image",0,2500); e.id(e.lin(f,2500,1024),"image_gates"); e.id(e.sc(e.sum(e.sq(f)),-5),"log_likelihood");}
const s=new B(); {
 const f=s.rs("image",0,2500), fc=s.rs("canvas",0,2500);
 const rec=s.op("Concat",["hidden","z_where","z_what"],undefined,{axis:1});
 const g=s.op("Add",["image_gates",s.lin(rec,309,1024)]);
 const h=s.op("Tanh",[s.lin(g,1024,256)]); s.id(h,"next_hidden"); s.id(s.op("Tanh",["cell"]),"next_cell");
 const p=s.op("Relu",[s.lin(h,256,200)]);
 s.id(s.sc(s.op("Sub",[s.sum(f),s.sum(fc)]),0.01),"presence_logit");
 const wm=s.op("Add",[s.lin(p,200,3),s.w([3],i=>i==0?3:0)]); const ws=s.op("Sigmoid",[s.lin(p,200,3)]);
 const zw=s.op("Add",[wm,s.op("Mul",[ws,"eps_where"])]); s.id(wm,"z_where_mean"); s.id(ws,"z_where_std"); s.id(zw,"next_z_where"); s.id(s.sum(s.sq(wm)),"kl_where");
 const A=s.w([28,50],i=>Math.max(0,Math.sin(i))*0.2), AT=s.w([50,28],i=>Math.max(0,Math.sin(i))*0.2);
 const gl=s.op("MatMul",[s.op("MatMul",[A,"image"]),AT]); s.id(gl,"glimpse");
 const eh=s.op("Relu",[s.lin(s.rs(gl,0,784),784,200)]); const qm=s.lin(eh,200,50), qs=s.op("Sigmoid",[s.lin(eh,200,50)]);
 const zt=s.op("Add",[qm,s.op("Mul",[qs,"eps_what"])]); s.id(qm,"z_what_mean"); s.id(qs,"z_what_std"); s.id(zt,"next_z_what"); s.id(s.sum(s.sq(qm)),"kl_what");
 const pa=s.rs(s.op("Sigmoid",[s.lin(s.op("Relu",[s.lin(zt,50,200)]),200,784)]),0,1,28,28); s.id(pa,"patch");
 const wr=s.op("MatMul",[s.op("MatMul",[AT,pa]),A]); const nc=s.op("Add",["canvas",wr]); s.id(nc,"next_canvas");
 s.id(s.sc(s.sum(s.sq(s.op("Sub",[f,s.rs(nc,0,2500)]))),-5),"log_likelihood");
}
for (const threads of [1,2]) {
 const o={intraOpNumThreads:threads,executionProviders:["cpu"]};
 const sessions={encoder:await InferenceSession.create(writeModel(e.build("encoder")),o),step:await InferenceSession.create(writeModel(s.build("step")),o)};
 const N=512; const images=Float32Array.from({length:2500*N},(_,i)=>(Math.sin(i*0.37)+1)/2);
 for (const batchSize of [1,8,16,32,64,128,256,512]) {
  let best=1e9; for(let r=0;r<4;r++){const t=performance.now(); await inferScenes(sessions as any,config,batchSize===1?images.subarray(0,2500*64):images,{batchSize,earlyStop:false,mode:process.argv[2] as any??"mean"}); best=Math.min(best,(performance.now()-t)/(batchSize===1?64:N));}
  console.log(`threads ${threads} batch ${batchSize}: ${best.toFixed(3)} ms/image`);
 }
 // split
 const t0=performance.now(); const b=64; await inferScenes({encoder:{run:async(f:any,n:any)=>{const t=performance.now();const r=await (sessions.encoder as any).run(f,n);tot+=performance.now()-t;return r;}},step:{run:async(f:any,n:any)=>{const t=performance.now();const r=await (sessions.step as any).run(f,n);tot+=performance.now()-t;return r;}}},config,images,{batchSize:b,earlyStop:false,mode:process.argv[2] as any??"mean"}); const all=performance.now()-t0; console.log(`graphs ${(tot).toFixed(1)} of ${all.toFixed(1)} ms`);
 await sessions.encoder.release(); await sessions.step.release();
}
