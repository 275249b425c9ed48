"use strict";
// Draws each chart when it comes into view, in the colours of the page, and again when those change.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  // plotly.js offers by default to upload a chart to its maker: nothing may leave this page.
  const config = {
    responsive: true,
    displaylogo: false,
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };
  const drawn = new Set();

  const painted = (value, style) => {
    if (typeof value === "string") {
      return (value.startsWith("--") && style.getPropertyValue(value).trim()) || value;
    }
    if (Array.isArray(value)) {
      return value.map((item) => painted(item, style));
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, painted(item, style)]));
    }
    return value;
  };

  const draw = (node) => {
    const figure = painted(figures[node.id], getComputedStyle(document.documentElement));
    const displayModeBar = node.closest(".half") ? false : "hover";
    drawn.add(node);
    Plotly.react(node, figure.data, figure.layout, { ...config, displayModeBar });
  };

  const nodes = [...document.querySelectorAll(".chart")];
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          seen.unobserve(entry.target);
          draw(entry.target);
        }
      }
    },
    { rootMargin: "600px" },
  );
  nodes.forEach((node) => seen.observe(node));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => nodes.filter((node) => !drawn.has(node)).forEach(draw));
})();
