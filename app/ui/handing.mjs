// What leaves the page by the trader's hand: a file to keep, a code to copy or print. None of it passes through Python.

const KEEP_MS = 60_000;

export const save = (bytes, name) => {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS);
};

export const copy = (element) => navigator.clipboard.writeText(element.textContent);

// Only the sheet is printed (vault.css).
export const print = async (sheet) => {
  sheet.classList.add("printed");
  document.documentElement.classList.add("printing");
  try {
    globalThis.print();
  } finally {
    sheet.classList.remove("printed");
    document.documentElement.classList.remove("printing");
  }
};

export const read = async (input) => new Uint8Array(await input.files[0].arrayBuffer());
