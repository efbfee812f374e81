// Python, its packages and the networks, away from the thread that draws the page.
import { loadPyodide } from "./pyodide.mjs";
import * as ort from "./ort.mjs";

const here = new URL(".", import.meta.url);
const plain = self.fetch.bind(self);
const { files } = await (await plain(new URL("files.json", here))).json();
const total = Object.values(files).reduce((sum, size) => sum + size, 0);
let loaded = 0;

// What lies packed is unpacked on its way; what arrived is told to the page.
async function fetched(what) {
  const name = new URL(what.url ?? what, here).pathname.split("/").pop();
  const packed = `${name}.packed` in files;
  const answer = await plain(new URL(packed ? `${name}.packed` : name, here));
  if (!answer.ok) throw new Error(`${name} could not be loaded (${answer.status})`);
  const counted = answer.body.pipeThrough(new TransformStream({
    transform(part, out) {
      loaded += part.length;
      postMessage({ loaded: loaded / total });
      out.enqueue(part);
    },
  }));
  const body = packed ? counted.pipeThrough(new DecompressionStream("gzip")) : counted;
  const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(body, { headers: { "Content-Type": type } });
}
self.fetch = fetched;
const bytes = async (name) => new Uint8Array(await (await fetched(name)).arrayBuffer());

// What standins/onnxruntime.py calls. A session is made once for each graph.
const sessions = new Map();
const graphs = {
  open: async (name) => {
    if (!sessions.has(name)) {
      const options = { executionProviders: ["wasm"], graphOptimizationLevel: "basic" };
      sessions.set(name, await ort.InferenceSession.create(await bytes(name), options));
    }
    return sessions.get(name);
  },
  run: async (session, rows) => {
    const feeds = {};
    for (const [name, type, dims, values] of rows.toJs()) {
      feeds[name] = new ort.Tensor(type, values, dims);
    }
    const found = await session.run(feeds);
    return session.outputNames.map((name) => found[name]);
  },
};

async function start() {
  if (!("Suspending" in WebAssembly)) {
    throw new Error("This page needs a browser that can suspend WebAssembly, such as Chrome or Edge 137 or later.");
  }
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await bytes("ort-wasm-simd-threaded.wasm");
  const python = await loadPyodide({ indexURL: here.href, packages: ["numpy"], checkIntegrity: false });
  python.registerJsModule("graphs", graphs);
  python.unpackArchive(await bytes("bundle.zip"), "zip", { extractDir: "/page" });
  await python.runPythonAsync("import sys; sys.path.insert(0, '/page')");
  await python.runPythonAsync("import remixing");
  await Promise.all(Object.keys(files).filter((name) => name.endsWith(".onnx.packed"))
    .map((name) => graphs.open(name.replace(".packed", ""))));
  return python.globals.get("sys").modules.get("remixing").remix;
}

const ready = start();
ready.then(() => postMessage({ ready: true }), (error) => postMessage({ failed: String(error.message ?? error) }));

onmessage = async ({ data: { id, samples, channels, rate, prompt } }) => {
  try {
    const remix = await ready;
    const found = await remix.callPromising(samples, channels, rate, prompt);
    const [audio, told] = found;
    const out = audio ? audio.getBuffer("f32").data.slice() : null;
    found.destroy();
    postMessage({ id, samples: out, told: JSON.parse(told) }, out ? [out.buffer] : []);
  } catch (error) {
    postMessage({ id, told: { error: String(error.message ?? error) } });
  }
};
