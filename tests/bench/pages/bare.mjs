import { loadPyodide } from "../vendor/pyodide/pyodide.mjs";

window.pyodide = await loadPyodide({ indexURL: new URL("../vendor/pyodide/", location.href).href });
performance.measure("bench:boot", { start: 0, end: performance.now() });
document.documentElement.dataset.bench = "ready";
