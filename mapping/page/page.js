// The page of a map, or of a stack alone: its state, and all that shows it.
"use strict";

tsscd.load("page", "data").then((data) => { window.page = new Page(data); }).catch((error) => {
  document.getElementById("notice").textContent = `${error.message}; is the folder whole?`;
});

class Page {
  static PLAY = 450; // milliseconds a month
  static TILE = 512;

  constructor(data) {
    this.data = data;
    this.last = data.months.length - 1;
    this.isMap = Boolean(data.classes);
    this.state = { month: this.last, layer: this.isMap ? "last" : "colour", at: null, only: null };
    this.tiles = this.isMap ? new Tiles(data, () => this.viewer.redraw()) : null;
    this.images = new Map(); // of true colour
    this.place = new Place(data.lonlat, data.width, data.height);
    this.layers = layersOf(this);
    this.prepare();
    const { width, height, aspect } = data;
    this.viewer = new Viewer(this.element("map"), {
      width, height, aspect,
      draw: (context) => this.draw(context),
      picked: (column, row) => this.pick(column, row),
      pointed: (column, row) => this.showPointer(column, row),
      moved: () => { this.showScale(); this.writeLink(); },
    });
    this.readLink();
    this.listen();
    this.show();
  }

  element(id) { return document.getElementById(id); }

  // ---------------------------------------------------------------- what is said once

  prepare() {
    const { data } = this;
    document.title = `${data.title}: ${this.isMap ? "land cover change" : "stack"}`;
    this.element("title").textContent = data.title;
    this.element("about").textContent =
      `${data.months[0]} to ${data.months[this.last]}, ${data.width.toLocaleString("en")} x ` +
      `${data.height.toLocaleString("en")} pixels of ${tsscd.amount(data.metres)} m` +
      (data.made ? `, ${data.made}` : "");
    const slider = this.element("slider");
    slider.max = this.last;
    for (const [name, layer] of Object.entries(this.layers)) {
      this.element("layer").append(tsscd.make("option", { value: name }, layer.title));
    }
    const bare = !this.isMap || !data.colour;
    if (bare) this.element("opacityChoice").style.display = "none";
    if (!bare) this.element("opacity").value = 80;
    for (const id of ["transitionsPart", "chartPart", "changedPart", "choices"]) {
      if (!this.isMap) this.element(id).style.display = "none";
    }
    const [west, east] = this.place.turn();
    this.element("arrow").style.transform = `rotate(${Math.atan2(west, east)}rad)`;
    this.say("Click a pixel of the map to see when it changed.");
  }

  say(text) { this.element("pixel").replaceChildren(tsscd.make("p", { class: "quiet" }, text)); }

  listen() {
    const on = (id, name, act) => this.element(id).addEventListener(name, act);
    on("slider", "input", (event) => this.setMonth(Number(event.target.value)));
    on("layer", "change", (event) => this.setLayer(event.target.value));
    on("opacity", "input", () => this.viewer.redraw());
    on("palette", "change", () => this.show());
    on("play", "click", () => this.play());
    on("closer", "click", () => this.viewer.zoomBy(1.6));
    on("farther", "click", () => this.viewer.zoomBy(1 / 1.6));
    on("whole", "click", () => this.viewer.fit());
    window.addEventListener("hashchange", () => { this.readLink(); this.show(); });
    window.addEventListener("resize", () => this.show());
    document.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const busy = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
      if (!step || busy || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.setMonth(this.state.month + step);
    });
  }

  // ---------------------------------------------------------------- the state, and its link

  setMonth(month) {
    this.state.month = Math.min(this.last, Math.max(0, month));
    this.show();
  }

  setLayer(layer) {
    this.state.layer = layer;
    this.state.only = null;
    this.show();
  }

  play() {
    const button = this.element("play");
    const playing = button.getAttribute("aria-pressed") === "true";
    clearInterval(this.timer);
    button.setAttribute("aria-pressed", String(!playing));
    button.setAttribute("aria-label", playing ? "Play the months" : "Stop");
    button.textContent = playing ? "\u25B6" : "\u275A\u275A";
    if (playing) return;
    if (this.state.month === this.last) this.setMonth(0);
    this.timer = setInterval(() => {
      if (this.state.month === this.last) this.play(); else this.setMonth(this.state.month + 1);
    }, Page.PLAY);
  }

  // #month=2021-08&layer=labels&at=112.93,28.21&zoom=4
  readLink() {
    const said = new URLSearchParams(location.hash.slice(1));
    const month = this.data.months.indexOf(said.get("month"));
    if (month >= 0) this.state.month = month;
    if (Object.hasOwn(this.layers, said.get("layer"))) this.state.layer = said.get("layer");
    const [lon, lat] = (said.get("at") || "").split(",").map(Number);
    const zoom = Number(said.get("zoom"));
    if (Number.isFinite(lon) && Number.isFinite(lat) && said.has("at")) {
      const [column, row] = this.place.toGrid(lon, lat);
      if (column >= 0 && row >= 0 && column < this.data.width && row < this.data.height) {
        this.pick(Math.floor(column), Math.floor(row));
        this.viewer.show(column, row, zoom > 0 ? Math.min(zoom, Viewer.LARGEST) : undefined);
      } else {
        this.say(`${degrees(lon, lat)}, the place of the link, is not in this map.`);
      }
    } else if (zoom > 0) {
      this.viewer.show(this.viewer.column, this.viewer.row, Math.min(zoom, Viewer.LARGEST));
    }
  }

  writeLink() {
    if (!this.viewer) return;
    clearTimeout(this.linkTimer);
    this.linkTimer = setTimeout(() => {
      const { at, month, layer } = this.state;
      const middle = at ? [at.column + 0.5, at.row + 0.5] : [this.viewer.column, this.viewer.row];
      const [lon, lat] = this.place.toLonLat(...middle);
      const link = `#month=${this.data.months[month]}&layer=${layer}` +
        (at ? `&at=${lon.toFixed(6)},${lat.toFixed(6)}` : "") +
        `&zoom=${Number(this.viewer.zoom.toPrecision(4))}`;
      if (link !== location.hash) history.replaceState(null, "", link);
    }, 200);
  }

  // ---------------------------------------------------------------- everything that shows the state

  show() {
    const { data, state } = this, name = data.months[state.month];
    this.element("month").textContent = name;
    const slider = this.element("slider");
    slider.value = state.month;
    slider.setAttribute("aria-valuetext", name);
    this.element("layer").value = state.layer;
    this.viewer.redraw();
    this.showScale();
    this.showLegend();
    if (this.isMap) this.showCharts();
    if (state.at && state.at.series) this.showPixel();
    this.writeLink();
  }

  get second() { return this.element("palette").checked; }

  colours() { return this.second ? this.data.secondColours : this.data.colours; }

  dates() { return this.second ? this.data.secondDates : this.data.dates; }

  // Colour of a transition; of the colour-blind palette, that of the new class.
  kind(from, to) {
    return this.second ? this.colours()[to] : this.data.kinds[(from + 1) * 100 + to + 1];
  }

  showLegend() {
    const { title, legend } = this.layers[this.state.layer];
    this.element("legendTitle").textContent =
      typeof title === "string" ? title : this.layers[this.state.layer].title;
    this.element("legend").replaceChildren(...legend());
  }

  // Rows of a legend: [colour, text, amount]
  entries(rows) {
    return rows.flatMap(([colour, text, amount]) => {
      const chip = tsscd.make("span", { class: "chip" });
      chip.style.background = colour;
      return [chip, tsscd.make("span", {}, text), tsscd.make("span", { class: "amount" }, amount)];
    });
  }

  // A legend that runs from one colour to another, with words below it.
  ramp(colours, words) {
    const canvas = tsscd.make("canvas", { id: "ramp", class: "wide", "aria-hidden": "true" });
    [canvas.width, canvas.height] = [colours.length, 1];
    const context = canvas.getContext("2d");
    colours.forEach((colour, i) => {
      context.fillStyle = colour;
      context.fillRect(i, 0, 1, 1);
    });
    const ends = words.map((word) => tsscd.make("span", {}, word));
    return [canvas, tsscd.make("div", { class: "wide ends quiet" }, ...ends)];
  }

  showScale() {
    if (!this.viewer) return;
    const metres = this.data.metres / this.viewer.zoom; // of a CSS pixel
    let length = 1;
    for (const step of [2, 2.5, 2, 2, 2.5, 2, 2, 2.5, 2, 2, 2.5, 2, 2, 2.5, 2]) {
      if (length * step > 130 * metres) break;
      length *= step;
    }
    this.element("bar").style.width = `${length / metres}px`;
    this.element("length").textContent =
      length < 1000 ? `${tsscd.amount(length)} m` : `${tsscd.amount(length / 1000)} km`;
  }

  showPointer(column, row) {
    const [lon, lat] = this.place.toLonLat(column, row);
    this.element("pointer").textContent = degrees(lon, lat);
  }

  showCharts() {
    const { data, state } = this, { months } = data;
    const picked = (month) => this.setMonth(month);
    const rows = data.classes.map((_, k) => data.hectares[k]);
    const shared = { months, shown: state.month, unit: "ha", picked };
    charts.stacked(this.element("chart"), { ...shared, rows, colours: this.colours() });
    const now = data.classes.map((name, k) => `${name} ${tsscd.amount(rows[k][state.month])} ha`);
    this.element("chart").setAttribute("aria-label",
      `Stacked bars of hectares by class; ${months[state.month]}: ${now.join(", ")}`);
    const kinds = data.transitions.map(({ months: by }) => months.map((month) => by[month] || 0));
    const colours = data.transitions.map(({ code }) => this.kindOf(code));
    charts.stacked(this.element("changed"), { ...shared, rows: kinds, colours });
    this.element("changed").setAttribute("aria-label", "Stacked bars of hectares that changed");
    this.showTransitions();
  }

  kindOf(code) { return this.kind(Math.floor(code / 100) - 1, code % 100 - 1); }

  kindWords(code) {
    const { classes } = this.data;
    return `${classes[Math.floor(code / 100) - 1]} \u2192 ${classes[code % 100 - 1]}`;
  }

  showTransitions() {
    const rows = this.data.transitions.slice(0, 8).map(({ code, hectares, months }) => {
      const chip = tsscd.make("span", { class: "chip" });
      chip.style.background = this.kindOf(code);
      const most = Object.keys(months).reduce((a, b) => (months[b] > months[a] ? b : a));
      const words = `${this.kindWords(code)}, most in ${most}`;
      const button = tsscd.make("button",
        { "aria-pressed": String(this.state.only === code), title: "Show only this on the map" },
        chip, tsscd.make("span", {}, words),
        tsscd.make("span", {}, `${tsscd.amount(hectares)} ha`));
      button.addEventListener("click", () => this.showOnly(code));
      return tsscd.make("li", {}, button);
    });
    const none = tsscd.make("li", { class: "quiet" }, "No pixel changed class.");
    const focused = document.activeElement.closest && document.activeElement.closest("#transitions");
    if (!focused || !rows.length) this.element("transitions").replaceChildren(...(rows.length ? rows : [none]));
    else this.element("transitions").querySelectorAll("button").forEach((button, i) => {
      button.setAttribute("aria-pressed", String(this.state.only === this.data.transitions[i].code));
    });
  }

  showOnly(code) {
    this.state.only = this.state.only === code ? null : code;
    if (!["kind", "last", "first"].includes(this.state.layer)) this.state.layer = "kind";
    this.show();
  }

  // ---------------------------------------------------------------- a pixel

  async pick(column, row) {
    const at = { column, row };
    this.state.at = at;
    if (this.viewer) this.viewer.redraw();
    this.writeLink();
    const side = Page.TILE, [down, right] = [Math.floor(row / side), Math.floor(column / side)];
    try {
      const curves = this.curvesOf(column, row);
      if (this.isMap) {
        const tile = await this.tiles.wait(0, down, right);
        const pixel = (row - down * side) * tile.width + column - right * side;
        at.series = Tiles.series(tile, pixel, this.data.months.length);
        if (this.state.at === at) this.showPixel();
      }
      at.curves = observed(await curves);
      at.series = at.series || { labels: null, changes: [], confidence: 255, reason: 0 };
      if (this.state.at === at) this.showPixel();
    } catch (error) {
      this.say(`${error.message}; is the folder whole?`);
    }
  }

  async curvesOf(column, row) {
    const { curves, bands, months } = this.data;
    if (!curves) return null;
    const { step, block } = curves;
    const [right, down] = [Math.floor(column / step), Math.floor(row / step)];
    const name = `curves/${Math.floor(down / block)}_${Math.floor(right / block)}`;
    const { low, high, width, packed } = await tsscd.load("page", name);
    const codes = await tsscd.unpack(packed);
    const from = ((down % block) * width + right % block) * bands.length * months.length;
    const values = bands.map((_, band) => months.map((_, t) => {
      const code = codes[from + band * months.length + t];
      return code === 255 ? null : low[band] + (high[band] - low[band]) * code / 254;
    }));
    return { values, away: [right * step - column, down * step - row] };
  }

  showPixel() {
    const { at, month } = this.state, { data } = this;
    const [lon, lat] = this.place.toLonLat(at.column + 0.5, at.row + 0.5);
    const parts = [tsscd.make("p", {}, ...this.placeWords(at, lon, lat))];
    if (this.isMap) parts.unshift(...this.labelWords(at.series, month));
    this.element("pixel").replaceChildren(...parts);
    const canvas = this.element("curves"), note = this.element("curvesNote");
    canvas.hidden = note.hidden = !at.curves;
    if (!at.curves) return;
    charts.curves(canvas, {
      months: data.months, bands: data.bands, values: at.curves.values, shown: month,
      labels: at.series.labels, colours: this.isMap ? this.colours() : [],
      changes: at.series.changes.map((change) => change.month),
    });
    canvas.setAttribute("aria-label", "Reflectance of each band in each month" +
      (at.series.changes.length ? "; changes are marked by dashed lines" : ""));
    const metres = Math.hypot(...at.curves.away) * data.metres;
    note.textContent = "Surface reflectance by month; grey: no observation" +
      (this.isMap ? "; dashed: the first month of a new class" : "") + ". " +
      (metres ? `Of a pixel ${tsscd.amount(metres)} m away: the page keeps every ` +
        `${data.curves.step}th pixel.` : "");
  }

  placeWords(at, lon, lat) {
    const place = `${lat.toFixed(6)},${lon.toFixed(6)}`;
    const link = tsscd.make("a", {
      href: `https://www.google.com/maps/search/?api=1&query=${place}&basemap=satellite`,
      target: "_blank", rel: "noopener noreferrer",
    }, "satellite map (online)");
    return [`${degrees(lon, lat)}; row ${at.row + 1}, column ${at.column + 1}; `, link];
  }

  labelWords(series, month) {
    const { months, classes, reasons } = this.data;
    if (series.reason || series.labels[0] === Tiles.NONE) {
      return [tsscd.make("p", { class: "now" }, `No label: ${reasons[series.reason]}.`)];
    }
    const now = `${months[month]}: ${classes[series.labels[month]]}`;
    const starts = [0, ...series.changes.map((change) => change.month)];
    const lines = starts.map((start, i) => {
      const stop = i + 1 < starts.length ? starts[i + 1] - 1 : months.length - 1;
      const change = series.changes[i - 1];
      const words = change
        ? `${months[start]} ${classes[change.from]} \u2192 ${classes[change.to]}, ${change.sure} %`
        : `${months[0]} ${classes[series.labels[0]]}`;
      return tsscd.make("li", {}, `${words} (until ${months[stop]})`);
    });
    const count = series.changes.length;
    const times = count === 0 ? "No change" : count === 1 ? "1 change" : `${count} changes`;
    return [
      tsscd.make("p", { class: "now" }, now),
      tsscd.make("ol", {}, ...lines),
      tsscd.make("p", { class: "quiet" },
        `${times}. Mean probability of the labels: ${series.confidence} %.`),
    ];
  }

  // ---------------------------------------------------------------- the map

  draw(context) {
    const layer = this.layers[this.state.layer];
    const under = this.data.colour && (layer.bare || this.element("opacity").value < 100);
    if (under) this.drawColour(context);
    if (!layer.bare) {
      context.globalAlpha = this.data.colour ? this.element("opacity").value / 100 : 1;
      this.drawTiles(context, layer);
      context.globalAlpha = 1;
    }
    this.drawOutline(context);
  }

  // Coarse tiles first, so that there is a picture until the fine ones are there.
  drawTiles(context, layer) {
    const ratio = window.devicePixelRatio || 1;
    const fine = Math.round(Math.log2(1 / (this.viewer.zoom * ratio)));
    const level = Math.min(this.tiles.levels - 1, Math.max(0, fine));
    const key = `${this.state.layer} ${layer.still ? "" : this.state.month} ${this.second} ` +
      this.state.only;
    const opaque = context.globalAlpha === 1;
    for (let coarse = this.tiles.levels - 1; coarse >= level; coarse--) {
      const needed = coarse === level || (opaque && coarse === this.tiles.levels - 1);
      const boxes = this.inView(Page.TILE * 2 ** coarse);
      const there = boxes.map(([row, column]) => needed || this.tiles.known.has(`tiles/${coarse}/${row}_${column}`)
        ? this.tiles.get(coarse, row, column) : null);
      // Half-transparent tiles must not lie upon each other: only whole levels are drawn.
      if (!opaque && there.some((tile) => !tile) && coarse !== this.tiles.levels - 1) continue;
      if (!opaque && coarse !== level && this.ready(level)) continue;
      boxes.forEach(([row, column], i) => {
        if (there[i]) this.drawTile(context, layer, key, there[i], coarse, row, column);
      });
      if (!opaque && coarse === this.tiles.levels - 1 && !this.ready(level)) {
        this.inView(Page.TILE * 2 ** level).forEach(([row, column]) => this.tiles.get(level, row, column));
        return;
      }
    }
  }

  ready(level) {
    return this.inView(Page.TILE * 2 ** level).every(([row, column]) => {
      const tile = this.tiles.known.get(`tiles/${level}/${row}_${column}`);
      return tile && tile.labels;
    });
  }

  drawTile(context, layer, key, tile, level, row, column) {
    const picture = this.tiles.picture(tile, key, layer.paint);
    const scale = 2 ** level, side = Page.TILE * scale;
    const box = [column * side, row * side, tile.width * scale, tile.height * scale];
    this.drawBox(context, picture, box, this.viewer.zoom * scale < 1);
  }

  // An image upon [column, row, width, height] of the area.
  drawBox(context, image, [column, row, width, height], smooth) {
    const [left, top] = this.viewer.toScreen(column, row);
    const [right, bottom] = this.viewer.toScreen(column + width, row + height);
    context.imageSmoothingEnabled = smooth;
    const ratio = window.devicePixelRatio || 1; // whole pixels: no seams between tiles
    const [x, y, x2, y2] = [left, top, right, bottom].map((v) => Math.round(v * ratio) / ratio);
    context.drawImage(image, x, y, x2 - x, y2 - y);
  }

  // [row, column] of the boxes of this side that are in view.
  inView(side) {
    const { canvas } = this.viewer, { width, height } = this.data;
    const [left, top] = this.viewer.toGrid(0, 0);
    const [right, bottom] = this.viewer.toGrid(canvas.clientWidth, canvas.clientHeight);
    const found = [];
    const stop = [Math.min(bottom, height - 0.5), Math.min(right, width - 0.5)];
    for (let row = Math.floor(Math.max(0, top) / side); row * side <= stop[0]; row++) {
      for (let column = Math.floor(Math.max(0, left) / side); column * side <= stop[1]; column++) {
        found.push([row, column]);
      }
    }
    return found;
  }

  drawColour(context) {
    const { step, seen } = this.data.colour, side = Page.TILE * step;
    const { month } = this.state;
    let empty = true;
    for (const [row, column] of this.inView(side)) {
      const name = `${row}_${column}`;
      if (!seen[name] || seen[name][month] !== "1") continue;
      empty = false;
      const image = this.image(`page/colour/${name}/${month}.jpg`);
      if (!image.complete || !image.naturalWidth) continue;
      const box = [column * side, row * side, image.naturalWidth * step, image.naturalHeight * step];
        this.drawBox(context, image, box, this.viewer.zoom * step < 1);
    }
    this.element("notice").textContent =
      empty ? `${this.data.months[month]}: no observation for true colour` : "";
  }

  image(source) {
    if (!this.images.has(source)) {
      if (this.images.size > 200) this.images.delete(this.images.keys().next().value);
      const image = new Image();
      image.onload = () => this.viewer.redraw();
      image.src = source;
      this.images.set(source, image);
    }
    return this.images.get(source);
  }

  drawOutline(context) { // of the pixel that was clicked
    if (!this.state.at) return;
    const { column, row } = this.state.at;
    const [x, y] = this.viewer.toScreen(column + 0.5, row + 0.5);
    const width = Math.max(10, this.viewer.zoom);
    const height = Math.max(10, this.viewer.zoom * this.data.aspect);
    for (const [colour, size] of [["#ffffff", 4], ["#000000", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = size;
      context.strokeRect(x - width / 2, y - height / 2, width, height);
    }
  }
}

// ---------------------------------------------------------------- layers

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

// ---------------------------------------------------------------- places

// Curves, or null where the pixel has no observation at all.
function observed(curves) {
  return curves && curves.values.some((band) => band.some((value) => value !== null)) ? curves : null;
}

function degrees(lon, lat) {
  const side = (value, plus, minus) => `${Math.abs(value).toFixed(5)}\u00B0 ${value < 0 ? minus : plus}`;
  return `${side(lat, "N", "S")}, ${side(lon, "E", "W")}`;
}

// Longitude and latitude of places in the grid, between points that are spread evenly over it.
class Place {
  constructor({ points, lon, lat }, width, height) {
    Object.assign(this, { points, lon, lat, width, height });
  }

  toLonLat(column, row) {
    const last = this.points - 1;
    const [x, y] = [column / this.width * last, row / this.height * last];
    const [left, top] = [x, y].map((v) => Math.min(last - 1, Math.max(0, Math.floor(v))));
    const [right, down] = [x - left, y - top];
    return [this.lon, this.lat].map((values) => {
      const at = (i, j) => values[(top + i) * this.points + left + j];
      const upper = at(0, 0) + (at(0, 1) - at(0, 0)) * right;
      const lower = at(1, 0) + (at(1, 1) - at(1, 0)) * right;
      return upper + (lower - upper) * down;
    });
  }

  // Newton's method: nearly straight, so few steps are enough.
  toGrid(lon, lat) {
    let [column, row] = [this.width / 2, this.height / 2];
    const [right, down] = [this.width / 100, this.height / 100];
    for (let step = 0; step < 12; step++) {
      const [x, y] = this.toLonLat(column, row);
      const [xr, yr] = this.toLonLat(column + right, row).map((v, i) => (v - [x, y][i]) / right);
      const [xd, yd] = this.toLonLat(column, row + down).map((v, i) => (v - [x, y][i]) / down);
      const area = xr * yd - xd * yr;
      column += ((lon - x) * yd - (lat - y) * xd) / area;
      row += ((lat - y) * xr - (lon - x) * yr) / area;
    }
    return [column, row];
  }

  // Direction of north on the screen: (right, up).
  turn() {
    const [column, row] = [this.width / 2, this.height / 2];
    const [lon, lat] = this.toLonLat(column, row);
    const [x, y] = this.toGrid(lon, lat + Math.abs(this.lat[0] - this.lat[this.lat.length - 1]) / 50);
    return [x - column, row - y];
  }
}
