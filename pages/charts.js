// Charts on a canvas: curves of reflectance, a strip of labels, bars stacked by class.
// Month t takes the place from t to t + 1 on the axis of time; nothing slopes between classes.
"use strict";

const charts = (() => {
  const LEFT = 46, RIGHT = 34, SMALL = "11px system-ui, sans-serif";
  // Within a panel the bands differ in lightness too, so that colour-blind readers can follow them.
  const PANELS = [
    ["visible", { B2: "#56b4e9", B3: "#007a5a", B4: "#b03a00" }],
    ["red edge, near infrared",
      { B5: "#f0b400", B6: "#e0701a", B7: "#b8274a", B8: "#74107a", B8A: "#1d0c45" }],
    ["short-wave infrared", { B11: "#d98200", B12: "#4a2500" }],
  ];

  const dark = matchMedia("(prefers-color-scheme: dark)");

  // A band's colour on this page: on a dark one the darkest curves could not be seen.
  function shade(stroke) {
    return dark.matches ? `color-mix(in srgb, ${stroke}, white 40%)` : stroke;
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  // A band's colour, lighter on dark paper.
  function onPaper(stroke) {
    return `color-mix(in srgb, ${stroke}, white ${colour("lift")})`;
  }

  // Context of a canvas of this height, in CSS pixels, and its width.
  function prepare(canvas, height) {
    const width = canvas.clientWidth || 360, ratio = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = SMALL;
    return [context, width];
  }

  function axisOfTime(width, count) {
    return (month) => Math.round(LEFT + (width - LEFT - RIGHT) * month / count); // no seams
  }

  // Names of some months below a chart: years where there are many, else months.
  function drawMonths(context, x, months, top, bottom) {
    const step = months.length <= 14 ? 2 : months.length <= 30 ? 6 : 12;
    context.textAlign = "center";
    months.forEach((month, t) => {
      if ((Number(month.slice(5)) - 1) % step) return;
      line(context, x(t), top, x(t), bottom, colour("faint"), 1);
      if (x(t) > x(months.length) - 16) return;
      context.fillStyle = colour("ink");
      context.fillText(step === 12 ? month.slice(0, 4) : month, x(t), bottom + 14);
    });
  }

  function line(context, x, y, right, bottom, stroke, width, dash = []) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(right, bottom);
    context.stroke();
    context.setLineDash([]);
  }

  // Curves of a pixel: values[band][month] in reflectance x 10^4, null = no observation; changes:
  // months at which a new class begins; labels: a class a month or null; shown: month in the map.
  function curves(canvas, { months, bands, values, labels, colours, changes, shown }) {
    const panels = panelsOf(bands), each = 92, gap = 20, strip = labels ? 30 : 0;
    const height = 18 + panels.length * (each + gap) + strip + 24;
    const [context, width] = prepare(canvas, height);
    const x = axisOfTime(width, months.length), bottom = height - 22;
    const missing = months.map((_, t) => values.every((band) => band[t] === null));
    panels.forEach(([name, members], i) => {
      const top = 18 + i * (each + gap);
      missing.forEach((empty, t) => {
        context.fillStyle = colour("missing");
        if (empty) context.fillRect(x(t), top, x(t + 1) - x(t), each);
      });
      drawPanel(context, x, top, each, name, members, bands, values);
    });
    if (labels) drawStrip(context, x, bottom - 22, 18, labels, colours);
    drawMonths(context, x, months, 18, bottom);
    for (const month of changes) {
      line(context, x(month), 18, x(month), bottom, colour("change"), 1.6, [5, 3]);
    }
    if (shown !== undefined) drawShown(context, x, shown, bottom);
  }

  function panelsOf(bands) {
    const known = PANELS.flatMap(([, members]) => Object.keys(members));
    const others = bands.filter((band) => !known.includes(band));
    const rest = Object.fromEntries(others.map((band, i) => [band, ["#0072b2", "#444"][i % 2]]));
    return [...PANELS, ["other", rest]]
      .map(([name, members]) =>
        [name, Object.entries(members).filter(([band]) => bands.includes(band))
          .map(([band, stroke]) => [band, onPaper(stroke)])])
      .filter(([, members]) => members.length);
  }

  function drawPanel(context, x, top, height, name, members, bands, values) {
    const rows = members.map(([band]) => values[bands.indexOf(band)]);
    const seen = rows.flat().filter((value) => value !== null);
    const low = Math.min(0, ...seen), high = Math.max(100, ...seen) * 1.05;
    const y = (value) => top + height - (value - low) / (high - low) * height;
    line(context, x(0), top + height, x(values[0].length), top + height, colour("faint"), 1);
    context.textAlign = "right";
    context.fillStyle = colour("ink");
    for (const value of ticks(high)) {
      line(context, x(0) - 4, y(value), x(0), y(value), colour("ink"), 1);
      context.fillText((value / 1e4).toFixed(2), x(0) - 6, y(value) + 4);
    }
    context.textAlign = "left";
    context.fillText(name, x(0) + 4, top - 3);
    const ends = [];
    members.forEach(([band, stroke], i) => {
      const last = drawCurve(context, x, y, rows[i], stroke);
      if (last !== null) ends.push([y(last), band, stroke]);
    });
    drawNames(context, ends, x(values[0].length) + 4, top, top + height);
  }

  // Names beside the ends of curves, none upon another; ends: [y, name, colour] of each curve.
  function drawNames(context, ends, left, top, bottom) {
    context.textAlign = "left";
    let free = top + 4;
    ends.sort((one, other) => one[0] - other[0]);
    ends.forEach(([at, name, stroke], i) => {
      const lowest = bottom - 12 * (ends.length - 1 - i);
      free = Math.min(lowest, Math.max(free, at));
      context.fillStyle = shade(stroke);
      context.fillText(name, left, free + 4);
      free += 12;
    });
  }

  function drawCurve(context, x, y, row, stroke) {
    context.strokeStyle = context.fillStyle = shade(stroke);
    context.lineWidth = 1.3;
    context.beginPath();
    let drawing = false, last = null;
    row.forEach((value, t) => { // a gap stays a gap
      if (value === null) { drawing = false; return; }
      const at = [x(t + 0.5), y(value)];
      if (drawing) context.lineTo(...at); else context.moveTo(...at);
      drawing = true;
      last = value;
    });
    context.stroke();
    row.forEach((value, t) => {
      if (value !== null) context.fillRect(x(t + 0.5) - 1.5, y(value) - 1.5, 3, 3);
    });
    return last;
  }

  function ticks(high) {
    const step = [200, 500, 1000, 2000, 5000].find((size) => high / size <= 4) || 10000;
    return Array.from({ length: Math.floor(high / step) }, (_, i) => (i + 1) * step);
  }

  function drawStrip(context, x, top, height, labels, colours) {
    labels.forEach((label, t) => {
      context.fillStyle = colours[label] || colour("missing");
      context.fillRect(x(t), top, x(t + 1) - x(t), height);
    });
  }

  function drawShown(context, x, month, bottom) { // the month that the map shows
    const middle = x(month + 0.5);
    context.fillStyle = colour("ink");
    context.beginPath();
    context.moveTo(middle, bottom - 5);
    context.lineTo(middle - 5, bottom + 3);
    context.lineTo(middle + 5, bottom + 3);
    context.fill();
  }

  // Bars stacked by class: rows[class][month]; whoever clicks one is told its month.
  function stacked(canvas, { months, rows, colours, shown, unit, picked }) {
    const height = 190, bottom = height - 22;
    const [context, width] = prepare(canvas, height);
    const x = axisOfTime(width, months.length);
    const sums = months.map((_, t) => rows.reduce((sum, row) => sum + row[t], 0));
    const high = Math.max(1e-9, ...sums) * 1.02;
    const y = (value) => bottom - (bottom - 8) * value / high;
    months.forEach((_, t) => {
      let below = 0;
      rows.forEach((row, k) => {
        context.fillStyle = colours[k];
        const top = y(below + row[t]);
        context.fillRect(x(t), top, x(t + 1) - x(t), y(below) - top);
        below += row[t];
      });
    });
    context.fillStyle = colour("ink");
    context.textAlign = "right";
    for (const share of [0, 0.5, 1]) {
      context.fillText(tsscd.amount(high / 1.02 * share), x(0) - 6, y(high / 1.02 * share) + 4);
    }
    context.textAlign = "left";
    context.fillText(unit, x(months.length) + 4, 16);
    drawMonths(context, x, months, bottom, bottom + 3);
    if (shown !== undefined) drawShown(context, x, shown, bottom);
    canvas.onclick = (event) => {
      const share = (event.offsetX - x(0)) / (x(months.length) - x(0));
      const month = Math.floor(share * months.length);
      if (picked && month >= 0 && month < months.length) picked(month);
    };
  }

  const BAND_COLOURS = Object.assign({}, ...PANELS.map(([, members]) => members));
  return { curves, stacked, prepare, line, colour, shade, drawNames, BAND_COLOURS };
})();
