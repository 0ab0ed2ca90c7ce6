// Messages to columns of whole numbers, in JavaScript: a Python crossing or a parsed object a message would cost more than all the work on
// it. What a message looks like is told by layouts (app/platform/columns.py, which holds the same reader in Python and says what fits).
// A frame that fits no layout to the letter is left to the caller as it came. Knows no venue.

const [LITERAL, ROW, UNITS, INT, SKIP, ONE, SKIP_ONE, TIME, DECIMAL, TEXT, LIST, EACH] = Array.from({ length: 12 }, (_, n) => n);
const KEPT = [UNITS, INT, ONE, TIME, LIST];
const HIGH = 2 ** 32;
const MOST = 2n ** 63n - 1n;
const DIGITS = 15; // so many are exact in a double
const LONGEST = 30;
const LONGEST_TEXT = 100;
const LONGEST_NUMBER = 40;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const POWERS = Array.from({ length: 19 }, (_, n) => 10 ** n);

// 64-bit numbers, little end first, in an array that grows and is used again.
class Numbers {
  ints = new Int32Array(4096);
  used = 0;
  room(count) {
    if (this.used + 2 * count <= this.ints.length) return;
    const wider = new Int32Array(2 * this.ints.length + 2 * count);
    wider.set(this.ints.subarray(0, this.used));
    this.ints = wider;
  }
  push(low, high) {
    this.ints[this.used++] = low;
    this.ints[this.used++] = high;
  }
}

export class ColumnReader {
  #layouts;
  #many;
  #scales;
  #variants;
  #levels = new Numbers();
  #kept;
  // What was read of the message at hand: its row, how many holes are filled, the columns (as doubles, and as two halves of 64 bits).
  #order = 0;
  #row = -1;
  #filled = 0;
  #values = new Float64Array(64);
  #halves = new Int32Array(128);
  #texts = [];
  // Where the text is read, what was last read there: NaN where it is too long for a double, which `#low` and `#high` never are.
  #text = "";
  #at = 0;
  #value = 0;
  #low = 0;
  #high = 0;
  // Times and texts that are not kept come again and again.
  #moment = "?";
  #seconds = 0;
  #said = "?";

  // {layouts: [{ops: [[kind, argument], ...], spans: [[a, b, least, most], ...], columns, rising}], names: [variant: [row: text]],
  // scales: [row: [...]], many}
  constructor(told) {
    const { layouts, names, scales, many } = JSON.parse(told);
    this.#many = many;
    this.#scales = scales;
    this.#variants = names.map((texts) => ({ texts, rows: new Map(texts.map((text, row) => [text, row])) }));
    this.#layouts = layouts.map((one) => {
      const ops = prepared(one.ops);
      const named = ops.findIndex(({ kind }) => kind === ROW);
      const late = ops.slice(0, Math.max(named, 0)).some(({ kind }) => kind === UNITS || kind === LIST);
      return { ...one, ops, width: 2 + one.columns.length, table: new Numbers(), late: late ? { ...ops[named], after: ops[named - 1].argument } : null };
    });
    this.#kept = new Int32Array(layouts.length);
  }

  // Frames to one Int32Array: messages, frames left over, level numbers, records of each layout (padded to an even count), then tables,
  // levels, and [order, frame] of each frame left over, whose texts `left` gives.
  read(frames) {
    const left = [];
    this.#texts = frames;
    this.#levels.used = 0;
    for (const { table } of this.#layouts) table.used = 0;
    let order = 0;
    for (let n = 0; n < frames.length; n++) {
      const text = frames[n];
      const after = this.#frame(text, order);
      if (after < 0) left.push(order++, n);
      else order = after;
    }
    this.left = left;
    const tables = this.#layouts.map(({ table }) => table);
    const head = 3 + tables.length + ((3 + tables.length) & 1);
    const out = new Int32Array(head + tables.reduce((sum, table) => sum + table.used, 0) + this.#levels.used + left.length);
    out[0] = order;
    out[1] = left.length / 2;
    out[2] = this.#levels.used / 2;
    let at = head;
    this.#layouts.forEach(({ table, width }, n) => {
      out[3 + n] = table.used / 2 / width;
      out.set(table.ints.subarray(0, table.used), at);
      at += table.used;
    });
    out.set(this.#levels.ints.subarray(0, this.#levels.used), at);
    out.set(left, at + this.#levels.used);
    return out;
  }

  // The texts of the frames of the last `read` that fit nothing; lets go of all of them.
  takeLeft() {
    const texts = [];
    for (let n = 1; n < this.left.length; n += 2) texts.push(this.#texts[this.left[n]]);
    this.#texts = [];
    return texts;
  }

  // The order number after this frame, or -1 if not all of it fits: then nothing of it is kept.
  #frame(text, first) {
    if (typeof text !== "string") return -1;
    this.#text = text;
    this.#at = 0;
    const [layouts, kept, levels] = [this.#layouts, this.#kept, this.#levels.used];
    for (let n = 0; n < layouts.length; n++) kept[n] = layouts[n].table.used;
    if (!this.#many || text.charCodeAt(0) !== 91) {
      if (this.#message(first) && this.#at === text.length) return first + 1;
    } else {
      this.#at = 1;
      for (let order = first; this.#message(order); ) {
        order++;
        const next = text.charCodeAt(this.#at++);
        if (next === 93 && this.#at === text.length) return order;
        if (next !== 44) break;
      }
    }
    for (let n = 0; n < layouts.length; n++) layouts[n].table.used = kept[n];
    this.#levels.used = levels;
    return -1;
  }

  #message(order) {
    const [start, levels] = [this.#at, this.#levels.used];
    this.#order = order;
    for (const layout of this.#layouts) {
      const first = layout.table.used;
      this.#filled = 0;
      this.#row = -1;
      if ((layout.late === null || this.#named(layout)) && this.#run(layout.ops, layout, null) && (layout.table.used > first || this.#record(layout))) {
        if (layout.rising !== null) rise(layout.table.ints, first, layout.table.used, 2 * layout.width, 2 * (2 + layout.rising));
        return true;
      }
      layout.table.used = first;
      this.#levels.used = levels;
      this.#at = start;
    }
    return false;
  }

  // Chooses the row by a name that comes behind its amounts.
  #named({ ops, late }) {
    const text = this.#text;
    if (ops[0].kind === LITERAL && !text.startsWith(ops[0].argument, this.#at)) return false;
    const found = text.indexOf(late.after, this.#at);
    if (found < 0) return false;
    const from = found + late.after.length;
    const end = text.indexOf(late.until, from);
    this.#row = end < 0 || end - from > LONGEST_TEXT ? -1 : (this.#variants[late.argument].rows.get(text.slice(from, end)) ?? -1);
    return this.#row >= 0;
  }

  // Whether the text goes on as told. Columns are filled; numbers of lists go to `levels`.
  #run(ops, layout, levels) {
    const text = this.#text;
    for (let n = 0; n < ops.length; n++) {
      const op = ops[n];
      if (op.kind === LITERAL) {
        if (!text.startsWith(op.argument, this.#at)) return false;
        this.#at += op.length;
      } else {
        if (op.kind === UNITS) {
          if (!this.#units(this.#scales[this.#row][op.scale], op.strict) || (this.#value === 0 && !op.zero)) return false;
        } else if (!this.#hole(op, layout)) return false;
        if (!op.kept) continue;
        if (levels !== null) levels.push(this.#low, this.#high);
        else {
          const column = layout.columns[this.#filled++];
          this.#values[column] = this.#value;
          this.#halves[2 * column] = this.#low;
          this.#halves[2 * column + 1] = this.#high;
        }
      }
    }
    return true;
  }

  #hole({ kind, argument, until }, layout) {
    switch (kind) {
      case INT:
      case SKIP:
        return this.#int(argument[0], argument[1]);
      case ROW:
        return this.#name(argument, until);
      case ONE:
      case SKIP_ONE:
        return this.#word(argument);
      case TIME:
        return this.#time();
      case TEXT:
        return this.#plain();
      case DECIMAL:
        NUMBER.lastIndex = this.#at;
        if (!NUMBER.test(this.#text) || NUMBER.lastIndex - this.#at > LONGEST_NUMBER) return false;
        this.#at = NUMBER.lastIndex;
        return true;
      case LIST:
        return this.#list(argument, layout);
      default:
        return this.#each(argument, layout);
    }
  }

  #word(words) {
    for (let word = 0; word < words.length; word++) {
      if (this.#text.startsWith(words[word], this.#at)) {
        this.#at += words[word].length;
        this.#is(word);
        return true;
      }
    }
    return false;
  }

  #name(variant, until) {
    const text = this.#text;
    const { texts, rows } = this.#variants[variant];
    if (this.#row < 0) {
      const end = text.indexOf(until, this.#at);
      if (end < 0 || end - this.#at > LONGEST_TEXT) return false;
      this.#row = rows.get(text.slice(this.#at, end)) ?? -1;
      if (this.#row < 0) return false;
      this.#at = end;
      return true;
    }
    if (!text.startsWith(texts[this.#row], this.#at)) return false;
    this.#at += texts[this.#row].length;
    return true;
  }

  #list(ops, layout) {
    const text = this.#text;
    let count = 0;
    if (text.charCodeAt(this.#at++) !== 91) return false;
    if (text.charCodeAt(this.#at) === 93) this.#at++;
    else {
      for (let next = 44; next === 44; count++) {
        this.#levels.room(ops.length);
        if (!this.#run(ops, layout, this.#levels)) return false;
        next = text.charCodeAt(this.#at++);
        if (next !== 44 && next !== 93) return false;
      }
    }
    this.#is(count);
    return true;
  }

  #each(ops, layout) {
    const text = this.#text;
    const [row, filled] = [this.#row, this.#filled];
    if (text.charCodeAt(this.#at++) !== 91) return false;
    for (let next = 44; next === 44; ) {
      this.#row = row;
      this.#filled = filled;
      if (!this.#run(ops, layout, null) || !this.#record(layout)) return false;
      next = text.charCodeAt(this.#at++);
      if (next !== 44 && next !== 93) return false;
    }
    return true;
  }

  // Keeps the columns as a record, if they lie as told.
  #record({ table, width, spans }) {
    for (const [a, b, least, most] of spans) {
      const span = this.#values[b] - this.#values[a];
      if (!(span >= least && span <= most)) return false; // also where one is too long for a double
    }
    table.room(width);
    table.push(this.#order, 0);
    table.push(this.#row, 0);
    for (let n = 0; n < 2 * width - 4; n++) table.ints[table.used++] = this.#halves[n];
    return true;
  }

  #is(value) {
    this.#value = value;
    this.#high = value < HIGH ? 0 : Math.floor(value / HIGH);
    this.#low = (value - this.#high * HIGH) | 0;
  }

  // A whole number of at least `least` and below `limit`, as JSON writes it.
  #int(limit, least) {
    const text = this.#text;
    const first = this.#at;
    let [at, value] = [first, 0];
    for (let digit; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    this.#at = at;
    this.#is(value);
    const length = at - first;
    if (length === 0 || length > DIGITS + 1 || (length > 1 && text.charCodeAt(first) === 48)) return false;
    return value >= least && value < limit && value <= Number.MAX_SAFE_INTEGER;
  }

  // Decimal text in units of 10^-scale; `strict`: as JSON writes a number.
  #units(scale, strict) {
    const text = this.#text;
    const first = this.#at;
    let [at, value, digit] = [first, 0, 0];
    for (; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    const whole = at - first;
    if (whole === 0 || (strict && whole > 1 && text.charCodeAt(first) === 48)) return false;
    let places = 0;
    if (digit === -2) {
      at++;
      for (; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++, places++) value = value * 10 + digit;
      if (places === 0) return false;
    }
    this.#at = at;
    const spare = scale - places;
    if (whole + places <= DIGITS) {
      if (spare >= 0) value *= POWERS[spare];
      else {
        value /= POWERS[-spare];
        if (!Number.isInteger(value)) return false;
      }
      if (value <= Number.MAX_SAFE_INTEGER) {
        this.#is(value);
        return true;
      }
    }
    return at - first <= LONGEST && this.#long(text.slice(first, first + whole) + (places ? text.slice(at - places, at) : ""), spare);
  }

  #long(digits, spare) {
    let big = BigInt(digits);
    if (spare >= 0) big *= 10n ** BigInt(spare);
    else {
      const power = 10n ** BigInt(-spare);
      if (big % power) return false;
      big /= power;
    }
    if (big > MOST) return false;
    this.#value = big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : NaN;
    this.#low = Number(BigInt.asIntN(32, big));
    this.#high = Number(BigInt.asIntN(32, big >> 32n));
    return true;
  }

  // RFC 3339 in UTC, in ns.
  #time() {
    const text = this.#text;
    if (!text.startsWith(this.#moment, this.#at)) {
      const moment = text.slice(this.#at, this.#at + 19);
      const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)$/.exec(moment);
      if (found === null || found[1] < "1970" || found[1] > "2099") return false;
      // what there is no such day or second of comes out as another one
      const seconds = Date.UTC(found[1], found[2] - 1, found[3], found[4], found[5], found[6]) / 1000;
      if (new Date(1000 * seconds).toISOString().slice(0, 19) !== moment) return false;
      this.#moment = moment;
      this.#seconds = seconds;
    }
    let at = this.#at + 19;
    let rest = 0;
    if (text.charCodeAt(at) === 46) {
      const first = ++at;
      for (let digit; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++) rest = rest * 10 + digit;
      if (at === first || at - first > 9) return false;
      rest *= POWERS[9 - at + first];
    }
    if (text.charCodeAt(at) !== 90) return false;
    this.#at = at + 1;
    // seconds * 10^9 in pieces of which each is exact
    const head = Math.floor(this.#seconds / 65536) * 1e9;
    const tail = (head % 65536) * 65536 + (this.#seconds % 65536) * 1e9 + rest;
    const carry = Math.floor(tail / HIGH);
    this.#value = NaN;
    this.#low = (tail - carry * HIGH) | 0;
    this.#high = Math.floor(head / 65536) + carry;
    return true;
  }

  // Text up to its quotation mark.
  #plain() {
    const text = this.#text;
    const first = this.#at;
    if (text.startsWith(this.#said, first) && text.charCodeAt(first + this.#said.length) === 34) {
      this.#at = first + this.#said.length;
      return true;
    }
    let at = first;
    for (let code; (code = text.charCodeAt(at)) !== 34; at++) if (!(code >= 32 && code <= 126 && code !== 92) || at - first === LONGEST_TEXT) return false;
    this.#said = text.slice(first, at);
    this.#at = at;
    return true;
  }
}

// Ops as objects: a name goes up to the first character of what follows it.
const prepared = (ops) =>
  ops.map(([kind, argument], n) => ({
    kind,
    kept: KEPT.includes(kind),
    length: kind === LITERAL ? argument.length : 0,
    scale: kind === UNITS ? argument[0] : 0,
    zero: kind === UNITS && argument[1] === 1,
    strict: kind === UNITS && argument[2] === 1,
    argument: kind === LIST || kind === EACH ? prepared(argument) : argument,
    until: kind === ROW ? ops[n + 1][1][0] : "",
  }));

// Records from `first` to `end`, each of so many ints, by the 64 bits at `column`; of equal ones none passes another.
const rise = (ints, first, end, width, column) => {
  for (let at = first + width; at < end; at += width) {
    let to = at;
    while (to > first && above(ints, to - width + column, at + column)) to -= width;
    if (to === at) continue;
    const moved = ints.slice(at, at + width);
    ints.copyWithin(to + width, to, at);
    ints.set(moved, to);
  }
};
const above = (ints, a, b) => (ints[a + 1] === ints[b + 1] ? ints[a] >>> 0 > ints[b] >>> 0 : ints[a + 1] > ints[b + 1]);

export const makeReader = (told) => new ColumnReader(told);
