// Frames of the recorded shapes over 500 instruments, and the yardsticks: JavaScript by hand that knows the same in the end.

export const SYMBOLS = Array.from({ length: 500 }, (_, n) => `C${String(n).padStart(3, "0")}USDT`);
const START = 1723161255000;

export function* frames(count, perSecond = 20_000) {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let n = 0; n < count; n++) {
    const symbol = SYMBOLS[Math.floor(random() * SYMBOLS.length)];
    const cents = 6180000 + Math.floor(random() * 5000);
    const price = (units) => `${Math.floor(units / 100)}.${String(units % 100).padStart(2, "0")}000000`;
    const size = () => `${Math.floor(random() * 9)}.${String(Math.floor(random() * 99998) + 1).padStart(5, "0")}000`;
    const stream = symbol.toLowerCase();
    if (n % 4) {
      const data = `{"u":${50093239219 + n},"s":"${symbol}","b":"${price(cents)}","B":"${size()}","a":"${price(cents + 1)}","A":"${size()}"}`;
      yield `{"stream":"${stream}@bookTicker","data":${data}}`;
    } else {
      const when = START + Math.floor((n * 1000) / perSecond);
      const data = `{"e":"trade","E":${when},"s":"${symbol}","t":${3730000000 + n},"p":"${price(cents)}","q":"1${size()}","T":${when},"m":${n % 8 === 0},"M":true}`;
      yield `{"stream":"${stream}@trade","data":${data}}`;
    }
  }
}

const units = (text) => {
  const point = text.indexOf(".");
  return Number(text.slice(0, point)) * 1e8 + Number(text.slice(point + 1));
};

// Decoded, routed, prices and sizes as exact integers in typed arrays, the last trade of each instrument, a count.
export class Plain {
  constructor() {
    this.index = new Map(SYMBOLS.map((symbol, n) => [symbol, n]));
    this.quotes = new Float64Array(SYMBOLS.length * 4);
    this.trades = new Float64Array(SYMBOLS.length * 3);
    this.events = 0;
  }

  take(texts) {
    for (const text of texts) {
      const found = JSON.parse(text);
      if (Array.isArray(found)) for (const { data } of found) this.one(data);
      else this.one(found.data);
    }
  }

  one(data) {
    const at = this.index.get(data.s);
    if (data.e === "trade") {
      const [price, size] = [units(data.p), units(data.q)];
      this.trades[at * 3] = price;
      this.trades[at * 3 + 1] = size;
      this.trades[at * 3 + 2] = data.t;
      this.traded(at, data.T, price, size);
    } else {
      this.quotes[at * 4] = units(data.b);
      this.quotes[at * 4 + 1] = units(data.B);
      this.quotes[at * 4 + 2] = units(data.a);
      this.quotes[at * 4 + 3] = units(data.A);
    }
    this.events++;
  }

  traded() {}

  told() {
    return SYMBOLS.map((symbol, n) => [symbol, ...this.quotes.subarray(n * 4, n * 4 + 4), ...this.trades.subarray(n * 3, n * 3 + 3)].join(" ")).join("\n");
  }
}

// An average that goes on by a recurrence, begun with the mean of `count` values.
class Recurrence {
  constructor(rows, keep, take, count) {
    Object.assign(this, { keep, take, count });
    this.seen = new Int32Array(rows);
    this.total = new Float64Array(rows);
    this.y = new Float64Array(rows);
  }
  peek(at, x) {
    const seen = this.seen[at] + 1;
    if (seen > this.count) return this.keep * this.y[at] + this.take * x;
    return seen === this.count ? (this.total[at] + x) / this.count : NaN;
  }
  close(at, x) {
    if (Number.isNaN(x)) return NaN;
    const y = this.peek(at, x);
    this.seen[at]++;
    this.total[at] += x;
    if (!Number.isNaN(y)) this.y[at] = y;
    return y;
  }
}
const ema = (rows, n) => new Recurrence(rows, 1 - 2 / (n + 1), 2 / (n + 1), n);
const wilder = (rows, n) => new Recurrence(rows, (n - 1) / n, 1 / n, n);
const [TIME, OPEN, HIGH, LOW, CLOSE, VOLUME] = [0, 1, 2, 3, 4, 5];

// The same with bars of 1 s and 1 min, and SMA 20, EMA 20, RSI 14, ATR 14 and the MACD line 12, 26 of the first, looked at for the instruments that changed.
export class Full extends Plain {
  constructor() {
    super();
    const rows = SYMBOLS.length;
    this.widths = [1, 60].map((width) => ({ width: width * 1000, now: new Float64Array(rows * 6), count: new Int32Array(rows) }));
    this.past = new Float64Array(rows * 19);
    this.held = new Int32Array(rows);
    this.sums = new Float64Array(rows);
    this.before = new Float64Array(rows).fill(NaN);
    this.ema = ema(rows, 20);
    [this.up, this.down, this.range] = [14, 14, 14].map((n) => wilder(rows, n));
    [this.fast, this.slow] = [ema(rows, 12), ema(rows, 26)];
    this.shown = new Float64Array(rows * 5).fill(NaN);
    this.changed = new Set();
  }

  traded(at, when, price, size) {
    this.changed.add(at);
    for (const series of this.widths) {
      const { width, now, count } = series;
      const [place, start] = [at * 6, when - (when % width)];
      if (count[at] && now[place] === start) {
        if (price > now[place + HIGH]) now[place + HIGH] = price;
        if (price < now[place + LOW]) now[place + LOW] = price;
        now[place + CLOSE] = price;
        now[place + VOLUME] += size;
      } else {
        if (count[at] && width === 1000) this.step(at, true);
        count[at]++;
        now[place] = start;
        now[place + OPEN] = now[place + HIGH] = now[place + LOW] = now[place + CLOSE] = price;
        now[place + VOLUME] = size;
      }
    }
  }

  step(at, close) {
    const { now } = this.widths[0];
    const [high, low, last] = [now[at * 6 + HIGH] * 1e-8, now[at * 6 + LOW] * 1e-8, now[at * 6 + CLOSE] * 1e-8];
    const how = close ? "close" : "peek";
    const before = this.before[at];
    const change = last - before;
    const up = this.up[how](at, Number.isNaN(change) ? NaN : Math.max(change, 0));
    const down = this.down[how](at, Number.isNaN(change) ? NaN : Math.max(-change, 0));
    const range = Math.max(high - low, Math.abs(high - before), Math.abs(low - before));
    const [shown, place] = [this.shown, at * 5];
    shown[place] = this.held[at] >= 19 ? (this.sums[at] + last) / 20 : NaN;
    shown[place + 1] = this.ema[how](at, last);
    shown[place + 2] = Math.abs(up + down) < 1e-14 ? 0 : (100 * up) / (up + down);
    shown[place + 3] = this.range[how](at, range);
    shown[place + 4] = this.fast[how](at, last) - this.slow[how](at, last);
    if (!close) return;
    const slot = at * 19 + (this.held[at] % 19);
    if (this.held[at] >= 19) this.sums[at] -= this.past[slot];
    this.past[slot] = last;
    this.sums[at] += last;
    this.held[at]++;
    this.before[at] = last;
  }

  look() {
    for (const at of this.changed) this.step(at, false);
    this.changed.clear();
  }

  bars() {
    return SYMBOLS.map((_, n) => this.widths.map(({ now }) => [now[n * 6] / 1000, ...now.subarray(n * 6 + 1, n * 6 + 6)].join(" ")).join(" ")).join("\n");
  }

  values() {
    return Array.from(this.shown);
  }
}
