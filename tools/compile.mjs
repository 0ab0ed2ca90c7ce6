// node tools/compile.mjs PYODIDE_FOLDER PYSCRIPT_CORE SOURCES TARGET, where SOURCES is a JSON file {"app/x.py": "source", ...}
// Compiles with the very Python that will run it and writes one stored zip of .pyc files, the same bytes for the same sources.
// PyScript carries its Python modules as text inside its JavaScript; compiled here, they start without a compiler.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { runInNewContext } from "node:vm";

const [folder, core, sources, target] = process.argv.slice(2);

const pyscriptModules = (text) => {
  const start = text.indexOf("{pyscript:{");
  for (let end = text.indexOf("})", start); start >= 0 && end >= 0; end = text.indexOf("})", end + 1)) {
    try {
      return runInNewContext(`(${text.slice(start, end + 1)})`).pyscript;
    } catch (error) {
      if (error.name !== "SyntaxError") throw error; // the literal goes on
    }
  }
  throw new Error(`${core} does not hold PyScript's Python modules where they are expected`);
};
const everything = JSON.parse(readFileSync(sources, "utf8"));
for (const [name, text] of Object.entries(pyscriptModules(readFileSync(core, "utf8")))) everything[`pyscript/${name}`] = text;

const { loadPyodide } = await import(pathToFileURL(resolve(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: resolve(folder) });
pyodide.globals.set("sources", JSON.stringify(everything));
const zip = pyodide.runPython(`
import io, json, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc
from importlib.util import source_hash

out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
    for path, text in sorted(json.loads(sources).items()):
        code = compile(text, "/lib/kontor.zip/" + path, "exec", dont_inherit=True, optimize=0)
        info = zipfile.ZipInfo(path + "c", (1980, 1, 1, 0, 0, 0))
        file.writestr(info, bytes(_code_to_hash_pyc(code, source_hash(text.encode()), False)))
out.getvalue()
`);
writeFileSync(target, zip.toJs());
process.exit(0);
