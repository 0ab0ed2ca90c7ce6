// Before the first paint: the theme the trader chose, so that nothing flashes.
try {
  const theme = localStorage.getItem("kontor.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme is used.
}
