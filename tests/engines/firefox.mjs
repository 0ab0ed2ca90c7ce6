// node tests/engines/firefox.mjs FIREFOX: drives Firefox by WebDriver BiDi. One JSON command a line in, one JSON answer a line out.

import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.argv[2], headless: true, protocol: "webDriverBiDi" });
const page = await browser.newPage();
await page.setViewport({ width: 1440, height: 900 });
const log = [];
page.on("console", (message) => log.push(`${message.type()}: ${message.text()}`));
page.on("dialog", (dialog) => dialog.accept().catch(() => null)); // a desk with a position asks before it is left
page.on("pageerror", (error) => log.push(`error: ${error.message}`));

const commands = {
  goto: ({ url }) => page.goto(url, { waitUntil: "domcontentloaded", timeout: 60_000 }).then(() => null),
  reload: () => page.reload({ waitUntil: "domcontentloaded", timeout: 60_000 }).then(() => null),
  evaluate: ({ script }) => page.evaluate(`(() => { ${script} })()`),
  click: ({ selector }) => page.click(selector),
  type: async ({ selector, text }) => {
    await page.click(selector, { count: 3 });
    await page.type(selector, text);
  },
  select: ({ selector, value }) => page.select(selector, value).then(() => null),
  shot: ({ path }) => page.screenshot({ path }).then(() => null),
  log: () => log,
  quit: () => browser.close().then(() => null),
};

process.stdout.write('{"ok":true}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: true, value: (await commands[command.do](command)) ?? null };
  } catch (error) {
    answer = { ok: false, error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (command.do === "quit") process.exit(0);
}
