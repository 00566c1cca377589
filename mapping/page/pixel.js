// What the page says of the pixel that was picked: its labels, its changes, its curves.
"use strict";

class PixelPanel {
  constructor(page) { this.page = page; }

  say(text) {
    const words = tsscd.make("p", { class: "quiet" }, text);
    this.page.element("pixel").replaceChildren(words);
  }

  async pick(column, row) {
    const { page } = this, at = { column, row };
    page.state.at = at;
    if (page.viewer) page.viewer.redraw();
    page.writeLink();
    const side = Page.TILE, [down, right] = [Math.floor(row / side), Math.floor(column / side)];
    try {
      const curves = this.curvesOf(column, row);
      if (page.isMap) {
        const tile = await page.tiles.wait(0, down, right);
        const pixel = (row - down * side) * tile.width + column - right * side;
        at.series = Tiles.series(tile, pixel, page.data.months.length);
        if (page.state.at === at) this.show();
      }
      at.curves = observed(await curves);
      at.series = at.series || { labels: null, changes: [], confidence: 255, reason: 0 };
      if (page.state.at === at) this.show();
    } catch (error) {
      this.say(`${error.message}; is the folder whole?`);
    }
  }

  async curvesOf(column, row) {
    const { curves, bands, months } = this.page.data;
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

  show() {
    const { data, place, isMap } = this.page, { at, month } = this.page.state;
    const [lon, lat] = place.toLonLat(at.column + 0.5, at.row + 0.5);
    const parts = [tsscd.make("p", {}, ...this.placeWords(at, lon, lat))];
    if (isMap) parts.unshift(...this.labelWords(at.series, month));
    this.page.element("pixel").replaceChildren(...parts);
    const canvas = this.page.element("curves"), note = this.page.element("curvesNote");
    canvas.hidden = note.hidden = !at.curves;
    if (!at.curves) return;
    charts.curves(canvas, {
      months: data.months, bands: data.bands, values: at.curves.values, shown: month,
      labels: at.series.labels, colours: isMap ? this.page.colours() : [],
      changes: at.series.changes.map((change) => change.month),
    });
    canvas.setAttribute("aria-label", "Reflectance of each band in each month" +
      (at.series.changes.length ? "; changes are marked by dashed lines" : ""));
    const metres = Math.hypot(...at.curves.away) * data.metres;
    note.textContent = "Surface reflectance by month; grey: no observation" +
      (isMap ? "; dashed: the first month of a new class" : "") + ". " +
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
    const { months, classes, reasons } = this.page.data;
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
}

// Curves, or null where the pixel has no observation at all.
function observed(curves) {
  return curves && curves.values.some((band) => band.some((value) => value !== null)) ? curves : null;
}
