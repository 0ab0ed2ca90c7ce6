// What the page asks for, timed: many small requests at once by three ways, and one after the other through the proxy.
const own = (url) => fetch(`/api/fetch?url=${encodeURIComponent(url)}`, { headers: { "x-kontor": "1" } });

async function text(answer) {
  const found = await (await answer).text();
  if (found.length !== 1024) throw new Error(`${found.length} bytes`);
}

async function opened() {
  const socket = new WebSocket(`ws://${location.host}/api/tunnel`);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onclose = reject; });
  return socket;
}

function tunnelled(socket, urls) {
  return new Promise((resolve, reject) => {
    let left = urls.length;
    socket.onclose = reject;
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.body?.length !== 1024) reject(new Error(data.slice(0, 200)));
      if (--left === 0) resolve();
    };
    urls.forEach((url, id) => socket.send(JSON.stringify({ id, method: "GET", url })));
  });
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

globalThis.together = async (upstream, others, count, rounds) => {
  const took = { tunnel: [], native: [] };
  const socket = await opened();
  for (let round = 0; round < rounds; round++) {
    const urls = Array.from({ length: count }, (_, n) => `${upstream}?${round}.${n}`);
    took.tunnel.push(await timed(() => tunnelled(socket, urls)));
    took.native.push(await timed(() => Promise.all(urls.map((url) => text(own(url))))));
    for (const [name, base] of Object.entries(others)) {
      (took[name] ??= []).push(await timed(() => Promise.all(urls.map((url) => text(fetch(base + url))))));
    }
  }
  return took;
};

globalThis.single = async (upstream, count) => {
  const took = { native: [], direct: [] };
  for (let n = 0; n < count; n++) {
    took.native.push(await timed(() => text(own(`${upstream}?${n}`))));
    took.direct.push(await timed(() => text(fetch(`${upstream}?d${n}`))));
  }
  return took;
};

document.documentElement.dataset.bench = "ready";
