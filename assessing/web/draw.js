"use strict";
// Curves and image chips of the point that is shown.

const COLOURS = {...charts.BAND_COLOURS, NDVI: "#14532d"};
const has = (band) => DESIGN.bands.includes(band);
const INFRARED = has("B8") ? "B8" : "B8A"; // Landsat has only the second
const GROUPS = {"All bands": DESIGN.bands};
for (const [name, bands] of [
  ["Visible", ["B2", "B3", "B4"]],
  ["Near infrared", ["B5", "B6", "B7", "B8", "B8A"]],
  ["Short-wave", ["B11", "B12"]],
]) {
  if (bands.some(has)) GROUPS[name] = bands.filter(has);
}
if (has("B4") && has(INFRARED)) GROUPS.NDVI = ["NDVI"];
const MARGIN = {left: 50, right: 52, top: 8, bottom: 22};
const CHIP_ZOOMS = [1, 1.5, 2.2, 3.4, 5];

function bandValues(point, band) {
  if (band !== "NDVI") return point.series[DESIGN.bands.indexOf(band)];
  const [red, infrared] = ["B4", INFRARED].map((name) => point.series[DESIGN.bands.indexOf(name)]);
  return red.map((value, i) =>
    value === null || infrared[i] === null || value + infrared[i] <= 0
      ? null : (infrared[i] - value) / (infrared[i] + value));
}

// Left edge of a month on the chart, in pixels; a month is as wide on the strip.
function monthLeft(month, width) {
  const span = width - MARGIN.left - MARGIN.right;
  return MARGIN.left + (span * month) / DESIGN.months.length;
}

function monthOf(x, width) {
  const span = width - MARGIN.left - MARGIN.right;
  const month = Math.floor(((x - MARGIN.left) / span) * DESIGN.months.length);
  return Math.max(0, Math.min(DESIGN.months.length - 1, month));
}

function drawChart(canvas, point, bands, month, changes) {
  canvas.style.height = ""; // that of the style sheet, which a smaller window changes
  const height = canvas.clientHeight;
  const [pen, width] = charts.prepare(canvas, height);
  const curves = bands.map((band) => [band, bandValues(point, band)]);
  const scale = verticalScale(curves, height);
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  drawGrid(pen, width, height, scale);
  const wide = monthLeft(1, width) - monthLeft(0, width);
  pen.fillStyle = charts.colour("change") + "26"; // seen through
  pen.fillRect(monthLeft(month, width), top, wide, bottom - top);
  for (const [band, values] of curves) drawCurve(pen, values, charts.shade(COLOURS[band]), width, scale);
  for (const change of changes) {
    const x = monthLeft(change, width);
    charts.line(pen, x, top, x, bottom, charts.colour("ink"), 3);
  }
  const ends = curves.map(([band, values]) => {
    const seen = values.filter((value) => value !== null);
    return [seen.length ? scale.y(seen[seen.length - 1]) : top, band, COLOURS[band]];
  });
  charts.drawNames(pen, ends, width - MARGIN.right + 6, top, bottom);
}

function verticalScale(curves, height) {
  const values = curves.flatMap(([, each]) => each).filter((value) => value !== null);
  const isIndex = curves[0][0] === "NDVI";
  // A few clouds must not press the curves together: the top is the 98th percentile and some more.
  const sorted = [...values].sort((a, b) => a - b);
  const high = isIndex ? 1 : Math.max(1000, (sorted[Math.floor(sorted.length * 0.98)] || 0) * 1.15);
  const low = isIndex ? Math.min(0, sorted[0] || 0) : 0;
  const bottom = height - MARGIN.bottom;
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
  return {low, high, isIndex, y: (value) => Math.max(MARGIN.top, Math.min(bottom, y(value)))};
}

function drawGrid(pen, width, height, scale) {
  const [faint, bottom] = [charts.colour("faint"), height - MARGIN.bottom];
  pen.fillStyle = charts.colour("quiet");
  const step = scale.isIndex ? 0.25 : scale.high > 5000 ? 2000 : scale.high > 2200 ? 1000 : 500;
  pen.textAlign = "right";
  for (let value = 0; value <= scale.high; value += step) {
    const y = scale.y(value);
    charts.line(pen, MARGIN.left, y, width - MARGIN.right, y, faint, 1);
    pen.fillText(scale.isIndex ? value.toFixed(2) : String(value), MARGIN.left - 6, y + 4);
  }
  pen.textAlign = "left";
  let free = -100; // the year of a short beginning is left out where the next one needs its place
  DESIGN.months.forEach((name, month) => {
    const left = monthLeft(month, width);
    pen.fillRect(left, bottom, 1, 3);
    if (month > 0 && !name.endsWith("-01")) return;
    charts.line(pen, left, MARGIN.top, left, bottom + 5, faint, 1);
    if (left >= free) pen.fillText(name.slice(0, 4), left + 3, height - 6);
    free = left + 36;
  });
}

// Neighbouring months are joined; across a month without an observation the line is thin and dashed.
function drawCurve(pen, values, colour, width, scale) {
  const seen = values.map((value, month) => [month, value]).filter(([, value]) => value !== null);
  const at = (month) => (monthLeft(month, width) + monthLeft(month + 1, width)) / 2;
  pen.fillStyle = colour;
  seen.forEach(([month, value], i) => {
    pen.beginPath();
    pen.arc(at(month), scale.y(value), 2.4, 0, 7);
    pen.fill();
    if (i === 0) return;
    const [before, old] = seen[i - 1];
    const gap = month - before > 1;
    const ends = [at(before), scale.y(old), at(month), scale.y(value)];
    charts.line(pen, ...ends, colour, gap ? 0.8 : 1.5, gap ? [3, 3] : []);
  });
}

// --- pictures ----------------------------------------------------------------------------------

// Show one month of a contact sheet in an element; zoom 1 shows the whole chip.
function showChip(element, id, look, month, zoom, size) {
  const rows = Math.ceil(DESIGN.months.length / DESIGN.columns);
  const [column, row] = [month % DESIGN.columns, Math.floor(month / DESIGN.columns)];
  const whole = size * zoom; // of one chip on the screen
  const cut = (whole - size) / 2;
  element.style.backgroundImage = `url("page/points/${id}_${look}.png")`;
  element.style.backgroundSize = `${whole * DESIGN.columns}px ${whole * rows}px`;
  element.style.backgroundPosition = `${-column * whole - cut}px ${-row * whole - cut}px`;
}

// The square around the pixel to judge.
function showMark(element, zoom, size) {
  let mark = element.querySelector("i");
  if (!mark) element.append(mark = tsscd.make("i"));
  const side = (size * zoom) / DESIGN.side + 2;
  mark.style.width = mark.style.height = `${side}px`;
}
