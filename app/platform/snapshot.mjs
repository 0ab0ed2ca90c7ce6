// The memory snapshot's file: written by tools/snapshot.mjs, read by the page and its workers.
// u32 magic "KNS2", u32 bytes of the head, u32 bytes of the heap, u32 number of runs, for each run u32 first page and
// u32 pages, then the head (Pyodide's own: build and JavaScript references, a multiple of 4 bytes), then the pages of all runs.

export const PAGE = 4096;
const MAGIC = 0x32534e4b;
const WORDS = 4;

// Pages of zeros are left out, except in the ranges of pages to `keep`.
export const packSnapshot = (memory, keep) => {
  const words = new Uint32Array(memory.buffer, memory.byteOffset, 2);
  const head = memory.slice(0, words[1]);
  const heap = memory.subarray(words[1]);
  const runs = [];
  for (let page = 0; page * PAGE < heap.length; page++) {
    const kept = keep.some(([first, end]) => page >= first && page < end);
    if (!kept && !heap.subarray(page * PAGE, (page + 1) * PAGE).some((byte) => byte !== 0)) continue;
    const last = runs.at(-1);
    if (last && last[0] + last[1] === page) last[1]++;
    else runs.push([page, 1]);
  }
  const start = WORDS * 4 + runs.length * 8;
  const pages = runs.reduce((sum, [, count]) => sum + count, 0);
  const bytes = new Uint8Array(start + head.length + pages * PAGE);
  bytes.set(new Uint8Array(Uint32Array.of(MAGIC, head.length, heap.length, runs.length, ...runs.flat()).buffer));
  bytes.set(head, start);
  let offset = start + head.length;
  for (const [page, count] of runs) {
    bytes.set(heap.subarray(page * PAGE, (page + count) * PAGE), offset);
    offset += count * PAGE;
  }
  return readSnapshot(bytes);
};

export const readSnapshot = (bytes) => {
  const [magic, headBytes, heapBytes, count] = new Uint32Array(bytes.buffer, bytes.byteOffset, WORDS);
  if (magic !== MAGIC) throw new Error("snapshot.bin is not a snapshot");
  const runs = new Uint32Array(bytes.buffer, bytes.byteOffset + WORDS * 4, count * 2);
  const start = WORDS * 4 + count * 8;
  const head = bytes.slice(start, start + headBytes);
  const pages = runs.reduce((sum, number, index) => (index % 2 ? sum + number : sum), 0);
  if (start + headBytes + pages * PAGE !== bytes.length) throw new Error("snapshot.bin is not whole");
  return { bytes, head, heapBytes, runs, offset: start + headBytes };
};

// Makes a Pyodide module that was just created put the snapshot's pages straight into its heap when it is told to restore.
export const placeSnapshot = (module, { bytes, head, heapBytes, runs, offset }) => {
  const { API } = module;
  const restoreHead = API.restoreSnapshot;
  API.restoreSnapshot = () => {
    const references = restoreHead(head); // checks that both come from the same build
    // Grows the heap once its free space is used up; what is taken here is forgotten below.
    while (module.HEAPU8.length < heapBytes && module._malloc(16 * PAGE));
    if (module.HEAPU8.length < heapBytes) throw new Error("the heap is too small for the snapshot");
    let from = offset;
    for (let index = 0; index < runs.length; index += 2) {
      const size = runs[index + 1] * PAGE;
      module.HEAPU8.set(bytes.subarray(from, from + size), runs[index] * PAGE);
      from += size;
    }
    return references;
  };
  return module;
};
