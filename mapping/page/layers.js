// The layers of the page: how each is painted, and its legend.
"use strict";

// name -> {title, legend(), paint(tile, pixels)}; still: the month does not matter; bare: only true
// colour. A pixel without a colour lets through what is below.
function layersOf(page) {
  const { data } = page;
  const layers = {};
  if (data.colour) {
    layers.colour = { title: "True colour of the month", bare: true, legend: () => colourLegend(page) };
  }
  if (!page.isMap) {
    layers.colour = layers.colour || { title: "Stack", bare: true, legend: () => [] };
    return layers;
  }
  const fill = (tile, pixels, colour, values, none) => {
    for (let i = 0; i < pixels.length; i++) if (values[i] !== none) pixels[i] = colour;
  };
  const unchanged = (tile, pixels) =>
    fill(tile, pixels, tsscd.pixelOf(data.unchanged), tile.labels.subarray(0, pixels.length), 255);
  const chosen = (from, to) => !page.state.only || page.state.only === (from + 1) * 100 + to + 1;
  const changeLayer = (title, legend, colourOf, early) => ({
    title, legend,
    paint: (tile, pixels) => {
      unchanged(tile, pixels);
      const before = early ? new Uint8Array(pixels.length) : null;
      Tiles.eachChange(tile, page.state.month, (pixel, month, from, to) => {
        if (early && before[pixel]) return;
        if (early) before[pixel] = 1;
        pixels[pixel] = tsscd.pixelOf(chosen(from, to) ? colourOf(month, from, to) : data.unchanged);
      });
    },
  });
  const percentLayer = (title, name, without) => ({
    title, still: true,
    legend: () => [...page.ramp(data.percent, ["0 %", "50 %", "100 %"]),
      ...page.entries(without ? [[data.unchanged, "no change", ""]] : [])],
    paint: (tile, pixels) => {
      if (without) unchanged(tile, pixels);
      const colours = data.percent.map(tsscd.pixelOf);
      const values = tile[name];
      for (let i = 0; i < pixels.length; i++) if (values[i] !== 255) pixels[i] = colours[values[i]];
    },
  });
  const dateLegend = () => {
    const { months } = data, middle = months[Math.floor(months.length / 2)];
    return [...page.ramp(page.dates(), [months[0], middle, months[page.last]]),
      ...page.entries([[data.unchanged, `no change up to ${months[page.state.month]}`, ""]])];
  };
  const date = (month) => page.dates()[month];
  layers.last = changeLayer("When: month of the last change", dateLegend, date, false);
  layers.first = changeLayer("When: month of the first change", dateLegend, date, true);
  layers.kind = changeLayer("What: the last change, from \u2192 to", () => kindLegend(page),
    (month, from, to) => page.kind(from, to), false);
  layers.labels = {
    title: "Land cover of the month",
    legend: () => classLegend(page),
    paint: (tile, pixels) => {
      const colours = page.colours().map(tsscd.pixelOf);
      const start = page.state.month * pixels.length;
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[tile.labels[start + i]] || 0;
    },
  };
  layers.count = {
    title: "How often: number of changes",
    legend: () => page.entries(data.counts.map((colour, n) =>
      [colour, n === 0 ? "no change" : n === 1 ? "1 change" : n === 6 ? "6 changes or more" : `${n} changes`, ""])),
    paint: (tile, pixels) => {
      unchanged(tile, pixels);
      const times = new Uint8Array(pixels.length), colours = data.counts.map(tsscd.pixelOf);
      Tiles.eachChange(tile, page.state.month, (pixel) => {
        times[pixel]++;
        pixels[pixel] = colours[Math.min(6, times[pixel])];
      });
    },
  };
  layers.change_confidence = percentLayer("Confidence of the last change", "lastSure", true);
  layers.confidence = percentLayer("Confidence of the labels", "confidence", false);
  return layers;
}

function colourLegend(page) {
  const { step } = page.data.colour;
  const size = tsscd.amount(step * page.data.metres);
  const words = "Red, green and blue as the eye sees them; light grey: no observation." +
    (step > 1 ? ` Every ${step}th pixel is kept: ${size} m.` : "");
  return [tsscd.make("p", { class: "wide quiet" }, words)];
}

function classLegend(page) {
  const { classes, hectares } = page.data, { month } = page.state;
  const rows = classes.map((name, k) =>
    [page.colours()[k], name, `${tsscd.amount(hectares[k][month])} ha`]);
  const without = hectares[classes.length][month];
  if (without) rows.push(["transparent", "no label", `${tsscd.amount(without)} ha`]);
  return page.entries(rows);
}

function kindLegend(page) {
  const rows = page.data.transitions.slice(0, 8).map(({ code, hectares }) =>
    [page.kindOf(code), page.kindWords(code), `${tsscd.amount(hectares)} ha`]);
  return page.entries([...rows, [page.data.unchanged, "no change", ""]]);
}
