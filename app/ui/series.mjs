// Points for the drawing library from flat arrays of numbers: a whole series crosses from Python as one buffer.

// rows: time, open, high, low, close, volume, and again; empty: times without a bar, ascending.
export function candles(rows, empty, shift) {
  const out = [];
  let gap = 0;
  for (let at = 0; at < rows.length; at += 6) {
    while (gap < empty.length && empty[gap] < rows[at]) out.push({ time: empty[gap++] + shift });
    out.push({ time: rows[at] + shift, open: rows[at + 1], high: rows[at + 2], low: rows[at + 3], close: rows[at + 4] });
  }
  while (gap < empty.length) out.push({ time: empty[gap++] + shift });
  return out;
}

// A volume that is not known leaves its place empty.
export function volumes(rows, shift, up, down) {
  const out = [];
  for (let at = 0; at < rows.length; at += 6) {
    const time = rows[at] + shift, value = rows[at + 5];
    if (value !== value) out.push({ time });
    else out.push({ time, value, color: rows[at + 4] >= rows[at + 1] ? up : down });
  }
  return out;
}

// NaN leaves a place empty; with colours each point has one by its sign.
export function line(times, values, shift, up, down) {
  const out = [];
  for (let at = 0; at < times.length; at++) {
    const time = times[at] + shift, value = values[at];
    if (value !== value) out.push({ time });
    else out.push(up ? { time, value, color: value < 0 ? down : up } : { time, value });
  }
  return out;
}

// One bar, changed or new; without a value nobody knows its volume.
export function update(candles, volume, time, open, high, low, close, value, color, old) {
  candles.update({ time, open, high, low, close }, old);
  volume.update(value == null ? { time } : { time, value, color }, old);
}

export function place(line, price, color) {
  line.applyOptions({ price, color });
}
