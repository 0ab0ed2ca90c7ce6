// node tests/bench/ingest.mjs SITE TICKS BATCH ROUNDS: cost of a market tick from socket text to the desk's state, in Pyodide, beside JavaScript doing the same job
// on the same frames in the same process. Frames are the recorded shapes of quotes and trades, spread over 500 instruments. Prints one JSON object.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, total, batch, rounds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const SYMBOLS = Array.from({ length: 500 }, (_, n) => `C${String(n).padStart(3, "0")}USDT`);

function* frames(count) {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let n = 0; n < count; n++) {
    const symbol = SYMBOLS[Math.floor(random() * SYMBOLS.length)];
    const cents = 6180000 + Math.floor(random() * 5000);
    const price = (units) => `${Math.floor(units / 100)}.${String(units % 100).padStart(2, "0")}000000`;
    const size = () => `${Math.floor(random() * 9)}.${String(Math.floor(random() * 99999)).padStart(5, "0")}000`;
    const stream = symbol.toLowerCase();
    if (n % 4) {
      const data = `{"u":${50093239219 + n},"s":"${symbol}","b":"${price(cents)}","B":"${size()}","a":"${price(cents + 1)}","A":"${size()}"}`;
      yield `{"stream":"${stream}@bookTicker","data":${data}}`;
    } else {
      const when = 1723161255000 + Math.floor(n / 10);
      const data = `{"e":"trade","E":${when},"s":"${symbol}","t":${3730000000 + n},"p":"${price(cents)}","q":"1${size()}","T":${when},"m":${n % 8 === 0},"M":true}`;
      yield `{"stream":"${stream}@trade","data":${data}}`;
    }
  }
}

// The yardstick: decoded, routed, prices and sizes as exact integers in typed arrays, the last trade of each instrument, a count.
class Plain {
  constructor() {
    this.index = new Map(SYMBOLS.map((symbol, n) => [symbol, n]));
    this.quotes = new Float64Array(SYMBOLS.length * 4);
    this.trades = new Float64Array(SYMBOLS.length * 3);
    this.events = 0;
  }

  take(texts) {
    for (const text of texts) {
      const { data } = JSON.parse(text);
      const at = this.index.get(data.s);
      if (data.e === "trade") {
        this.trades[at * 3] = units(data.p);
        this.trades[at * 3 + 1] = units(data.q);
        this.trades[at * 3 + 2] = data.t;
      } else {
        this.quotes.set([units(data.b), units(data.B), units(data.a), units(data.A)], at * 4);
      }
      this.events++;
    }
  }

  told() {
    return SYMBOLS.map((symbol, n) => [symbol, ...this.quotes.subarray(n * 4, n * 4 + 4), ...this.trades.subarray(n * 3, n * 3 + 3)].join(" ")).join("\n");
  }
}

function units(text) {
  const point = text.indexOf(".");
  return Number(text.slice(0, point)) * 1e8 + Number(text.slice(point + 1));
}

const { loadPyodide } = await import(pathToFileURL(resolve(site, "vendor/pyodide/pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: resolve(site, "vendor/pyodide") });
pyodide.FS.writeFile("/lib/kontor.zip", readFileSync(resolve(site, "kontor.zip")));
pyodide.runPython(`
import gc, sys
sys.path.insert(0, "/lib/kontor.zip")
gc.set_threshold(50_000, 20, 20)
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.venues.binance.parse import Parser

def fresh(symbols):
    items = [Instrument(name, "binance", name, name[:-4], "USDT", 8, 8) for name in symbols.split()]
    state, parser = MarketState(items), Parser(items)
    def take(texts):
        state.apply(parser.parse_many(texts.to_py(), 1723161255000000000))
    def parse(texts):
        parser.parse_many(texts.to_py(), 1723161255000000000)
    def told():
        rows = []
        for item in items:
            quote, trade = state.quote(item.symbol), state.last(item.symbol)
            quoted = quote[3:] if quote else (0, 0, 0, 0)
            rows.append(" ".join(map(str, (item.symbol, *quoted, *((trade.price, trade.size, trade.trade_id) if trade else (0, 0, 0))))))
        return "\\n".join(rows)
    return take, parse, told
`);

const batches = [];
for (const text of frames(total)) {
  if (!batches.length || batches.at(-1).length >= batch) batches.push([]);
  batches.at(-1).push(text);
}
const timed = (work) => {
  const start = performance.now();
  for (const texts of batches) work(texts);
  return ((performance.now() - start) * 1000) / total;
};
const found = { plain: [], desk: [], parse: [] };
let same = true;
for (let round = 0; round < rounds; round++) {
  const plain = new Plain();
  found.plain.push(timed((texts) => plain.take(texts)));
  const [take, parse, told] = pyodide.globals.get("fresh")(SYMBOLS.join(" ")).toJs();
  found.desk.push(timed(take));
  found.parse.push(timed(parse));
  same &&= plain.told() === told();
}
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(JSON.stringify({ same, plain_us: median(found.plain), desk_us: median(found.desk), parse_us: median(found.parse) }));
