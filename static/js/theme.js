// Before the first paint: the theme that the person chose, else the system's; and that there is a script at all.
(() => {
  document.documentElement.dataset.script = "on";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden; the system's theme then stands */ }
})();
