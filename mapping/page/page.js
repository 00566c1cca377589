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
    this.place = new Place(data.lonlat, data.width, data.height);
    this.layers = layersOf(this);
    this.picture = new Picture(this);
    this.pixel = new PixelPanel(this);
    this.prepare();
    const { width, height, aspect } = data;
    this.viewer = new Viewer(this.element("map"), {
      width, height, aspect,
      draw: (context) => this.picture.draw(context),
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
    this.pixel.say("Click a pixel of the map to see when it changed.");
  }

  pick(column, row) { return this.pixel.pick(column, row); }

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
        this.pixel.say(`${degrees(lon, lat)}, the place of the link, is not in this map.`);
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
    if (state.at && state.at.series) this.pixel.show();
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
}
