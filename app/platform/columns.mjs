// Messages to columns of whole numbers, in JavaScript: a Python crossing or a parsed object a message would cost more than all the work on
// it. What a message looks like is told by layouts (app/platform/columns.py, which holds the same reader in Python and says what fits).
// A frame that fits no layout to the letter is left to the caller as it came. Knows no venue.

const [LITERAL, ROW, UNITS, INT, SKIP, FLAG, SKIP_FLAG, LEVELS] = [0, 1, 2, 3, 4, 5, 6, 7];
const HIGH = 2 ** 32;
const MOST = 2n ** 63n - 1n;
const DIGITS = 15; // so many are exact in a double
const LONGEST = 30;
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
  push(value) {
    const high = value < HIGH ? 0 : Math.floor(value / HIGH);
    this.ints[this.used++] = value - high * HIGH;
    this.ints[this.used++] = high;
  }
  pushBig(value) {
    this.ints[this.used++] = Number(BigInt.asIntN(32, value));
    this.ints[this.used++] = Number(BigInt.asIntN(32, value >> 32n));
  }
}

export class ColumnReader {
  #layouts;
  #many;
  #scales;
  #variants;
  #levels = new Numbers();
  #values = new Float64Array(64);
  #texts = [];
  // Where the text is read, what was last read there.
  #text = "";
  #at = 0;
  #value = 0;
  #big = 0n;

  // {layouts: [{ops: [[kind, argument], ...], spans: [[a, b, least, most], ...]}], names: [variant: [row: text]], scales: [row: [...]], many}
  constructor(told) {
    const { layouts, names, scales, many } = JSON.parse(told);
    this.#many = many;
    this.#scales = scales;
    this.#variants = names.map((texts) => ({ texts, rows: new Map(texts.map((text, row) => [text, row])) }));
    this.#layouts = layouts.map(({ ops, spans }) => ({
      ops: ops.map(([kind, argument], n) => ({ kind, argument, until: kind === ROW ? ops[n + 1][1][0] : "" })),
      spans,
      width: 2 + ops.filter(([kind]) => [UNITS, INT, FLAG, LEVELS].includes(kind)).length,
      table: new Numbers(),
    }));
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
    if (!this.#many || text.charCodeAt(0) !== 91) return this.#message(first) && this.#at === text.length ? first + 1 : this.#undo(first);
    let order = first;
    this.#at = 1;
    while (this.#message(order)) {
      order++;
      const next = text.charCodeAt(this.#at++);
      if (next === 93 && this.#at === text.length) return order;
      if (next !== 44) break;
    }
    return this.#undo(first);
  }

  #undo(first) {
    for (const { table, width, ops } of this.#layouts) {
      while (table.used && table.ints[table.used - 2 * width] >= first) {
        table.used -= 2 * width;
        let column = 2;
        for (const { kind } of ops) {
          if (kind === LEVELS) this.#levels.used -= 4 * table.ints[table.used + 2 * column];
          if (kind === UNITS || kind === INT || kind === FLAG || kind === LEVELS) column++;
        }
      }
    }
    return -1;
  }

  #message(order) {
    const start = this.#at;
    for (const layout of this.#layouts) {
      const { table } = layout;
      const [kept, levels] = [table.used, this.#levels.used];
      table.room(layout.width);
      table.push(order);
      table.used += 2; // the row's place
      const row = this.#scan(layout, table);
      if (row >= 0) {
        table.ints[kept + 2] = row;
        table.ints[kept + 3] = 0;
        return true;
      }
      table.used = kept;
      this.#levels.used = levels;
      this.#at = start;
    }
    return false;
  }

  // The row of the message at this place if it fits the layout, its columns pushed; else -1.
  #scan({ ops, spans }, table) {
    const text = this.#text;
    const values = this.#values;
    let [row, column] = [-1, 0];
    for (const { kind, argument, until } of ops) {
      if (kind === LITERAL) {
        if (!text.startsWith(argument, this.#at)) return -1;
        this.#at += argument.length;
      } else if (kind === UNITS) {
        if (!this.#units(this.#scales[row][argument]) || this.#value === 0) return -1;
        this.#store(table);
        values[column++] = this.#value;
      } else if (kind === INT || kind === SKIP) {
        if (!this.#int(argument)) return -1;
        if (kind === INT) {
          table.push(this.#value);
          values[column++] = this.#value;
        }
      } else if (kind === ROW) {
        const { texts, rows } = this.#variants[argument];
        if (row < 0) {
          const end = text.indexOf(until, this.#at);
          if (end < 0 || end - this.#at > 100) return -1;
          row = rows.get(text.slice(this.#at, end)) ?? -1;
          if (row < 0) return -1;
          this.#at = end;
        } else {
          if (!text.startsWith(texts[row], this.#at)) return -1;
          this.#at += texts[row].length;
        }
      } else if (kind === LEVELS) {
        const count = this.#pairs(this.#scales[row][argument[0]], this.#scales[row][argument[1]]);
        if (count < 0) return -1;
        table.push(count);
        values[column++] = count;
      } else {
        const yes = text.startsWith("true", this.#at);
        if (!yes && !text.startsWith("false", this.#at)) return -1;
        this.#at += yes ? 4 : 5;
        if (kind === FLAG) {
          table.push(yes ? 1 : 0);
          values[column++] = yes ? 1 : 0;
        }
      }
    }
    for (const [a, b, least, most] of spans) {
      const span = values[b] - values[a];
      if (!(span >= least && span <= most)) return -1; // also where one is too long for a double
    }
    return row;
  }

  #store(numbers) {
    if (this.#value === this.#value) numbers.push(this.#value);
    else numbers.pushBig(this.#big);
  }

  // [price, size] pairs from the opening bracket on; a size may be nothing.
  #pairs(priceScale, sizeScale) {
    const text = this.#text;
    if (text.charCodeAt(this.#at++) !== 91) return -1;
    if (text.charCodeAt(this.#at) === 93) {
      this.#at++;
      return 0;
    }
    for (let count = 1; ; count++) {
      this.#levels.room(2);
      if (!text.startsWith('["', this.#at)) return -1;
      this.#at += 2;
      if (!this.#units(priceScale) || this.#value === 0) return -1;
      this.#store(this.#levels);
      if (!text.startsWith('","', this.#at)) return -1;
      this.#at += 3;
      if (!this.#units(sizeScale)) return -1;
      this.#store(this.#levels);
      if (!text.startsWith('"]', this.#at)) return -1;
      this.#at += 2;
      const next = text.charCodeAt(this.#at++);
      if (next === 93) return count;
      if (next !== 44) return -1;
    }
  }

  // A whole number below `limit`, as JSON writes it.
  #int(limit) {
    const text = this.#text;
    const first = this.#at;
    let [at, value] = [first, 0];
    for (let digit; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    this.#at = at;
    this.#value = value;
    const length = at - first;
    return length > 0 && length <= DIGITS && value < limit && (length === 1 || text.charCodeAt(first) !== 48);
  }

  // Decimal text in units of 10^-scale: `#value`, or where that is not exact, NaN there and `#big`.
  #units(scale) {
    const text = this.#text;
    const first = this.#at;
    let [at, value, digit] = [first, 0, 0];
    for (; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++) value = value * 10 + digit;
    const whole = at - first;
    if (whole === 0) return false;
    let places = 0;
    if (digit === -2) {
      at++;
      for (; (digit = text.charCodeAt(at) - 48) >= 0 && digit <= 9; at++, places++) value = value * 10 + digit;
      if (places === 0) return false;
    }
    this.#at = at;
    const spare = scale - places;
    if (whole + places <= DIGITS) {
      if (spare >= 0) this.#value = value * POWERS[spare];
      else {
        this.#value = value / POWERS[-spare];
        if (!Number.isInteger(this.#value)) return false;
      }
      if (this.#value <= Number.MAX_SAFE_INTEGER) return true;
    }
    if (at - first > LONGEST) return false;
    let big = BigInt(text.slice(first, first + whole) + (places ? text.slice(at - places, at) : ""));
    if (spare >= 0) big *= 10n ** BigInt(spare);
    else {
      const power = 10n ** BigInt(-spare);
      if (big % power) return false;
      big /= power;
    }
    if (big > MOST) return false;
    this.#value = big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : NaN;
    this.#big = big;
    return true;
  }
}

export const makeReader = (told) => new ColumnReader(told);
