// A Parquet file as CSV, so that it takes the same way as any table: numbers in the shortest text that means the same, decimals and
// times exactly. The readers are fetched with the first such file.

import { parquetMetadata, parquetReadObjects } from "../../vendor/hyparquet/index.js";
import { decompress } from "../../vendor/hyparquet/fzstd.mjs";
import { gunzip } from "../../vendor/hyparquet/gzip.js";
import { decompressLz4, decompressLz4Raw } from "../../vendor/hyparquet/lz4.js";

const MOST_ROWS = 5_000_000n;
const MOST_BYTES = 256n * 1024n * 1024n;
const AT_ONCE = 20_000;
const compressors = {
  GZIP: (input, length) => gunzip(input, new Uint8Array(length)),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
  ZSTD: (input) => decompress(input),
};

const time = (value, unitsPerSecond) => {
  const units = BigInt(value), second = units / unitsPerSecond - (units % unitsPerSecond < 0n ? 1n : 0n);
  const rest = units - second * unitsPerSecond;
  const part = rest ? `.${String(rest).padStart(String(unitsPerSecond).length - 1, "0").replace(/0+$/, "")}` : "";
  return `${new Date(Number(second) * 1000).toISOString().slice(0, 19)}${part}Z`;
};
const parsers = {
  timestampFromMilliseconds: (value) => value == null ? value : time(value, 1_000n),
  timestampFromMicroseconds: (value) => value == null ? value : time(value, 1_000_000n),
  timestampFromNanoseconds: (value) => value == null ? value : time(value, 1_000_000_000n),
  dateFromDays: (days) => days == null ? days : new Date(Number(days) * 86_400_000).toISOString().slice(0, 10),
  stringFromBytes: (bytes) => bytes && new TextDecoder().decode(bytes),
};

// What a column holds beyond what its values say themselves.
const kinds = (schema) => {
  const found = new Map();
  for (const element of schema) {
    if (element.converted_type === "DECIMAL" || element.logical_type?.type === "DECIMAL") {
      const scale = element.scale ?? element.logical_type?.scale ?? 0;
      found.set(element.name, (value) => decimal(value, scale));
      delete element.converted_type; // hyparquet makes binary floats of decimals: take them as they lie
      delete element.logical_type;
    } else if (element.logical_type?.isAdjustedToUTC === false) found.set(element.name, (text) => text.replace(/Z$/, "")); // a clock of some zone
    else if (element.type === "FLOAT") found.set(element.name, single);
  }
  return found;
};

const decimal = (value, scale) => {
  let units = 0n;
  if (value instanceof Uint8Array) {
    for (const byte of value) units = units * 256n + BigInt(byte);
    if (value[0] & 128) units -= 1n << BigInt(8 * value.length);
  } else units = BigInt(value);
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  return `${units < 0n ? "-" : ""}${digits.slice(0, digits.length - scale)}${scale ? `.${digits.slice(-scale)}` : ""}`;
};

const single = (value) => {
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
};

const cell = (value, kind) => {
  if (value == null) return "";
  const text = kind ? kind(value) : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** CSV (UTF-8 bytes) of a Parquet file's bytes. Throws an Error that says what is wrong. */
export const csv = async (bytes) => {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(buffer);
  const size = metadata.row_groups.reduce((sum, group) => sum + BigInt(group.total_byte_size), 0n);
  if (metadata.num_rows > MOST_ROWS || size > MOST_BYTES) throw new Error(`it holds ${metadata.num_rows} rows in ${size} bytes, which is too much at once`);
  const special = kinds(metadata.schema);
  const names = metadata.schema.filter((element, place) => place && element.type).map(({ name }) => name);
  if (metadata.schema.length !== names.length + 1) throw new Error("it has columns within columns");
  const file = { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) };
  const encoder = new TextEncoder();
  const pieces = [encoder.encode(`${names.map((name) => cell(name)).join(",")}\n`)];
  for (let rowStart = 0; rowStart < metadata.num_rows; rowStart += AT_ONCE) {
    const rowEnd = Math.min(rowStart + AT_ONCE, Number(metadata.num_rows));
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, parsers });
    pieces.push(encoder.encode(rows.map((row) => `${names.map((name) => cell(row[name], special.get(name))).join(",")}\n`).join("")));
    await new Promise((resolve) => setTimeout(resolve)); // others have their turn
  }
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
};
