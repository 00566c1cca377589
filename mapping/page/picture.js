// The picture of the map on its canvas: true colour, the layer's tiles, the outline of a pixel.
"use strict";

class Picture {
  constructor(page) {
    this.page = page;
    this.images = new Map(); // of true colour
  }

  draw(context) {
    const { data, layers, state } = this.page, layer = layers[state.layer];
    const opacity = this.page.element("opacity").value;
    if (data.colour && (layer.bare || opacity < 100)) this.drawColour(context);
    if (!layer.bare) {
      context.globalAlpha = data.colour ? opacity / 100 : 1;
      this.drawTiles(context, layer);
      context.globalAlpha = 1;
    }
    this.drawOutline(context);
  }

  // Coarse tiles first, so that there is a picture until the fine ones are there.
  drawTiles(context, layer) {
    const { tiles, state, second } = this.page;
    const level = this.fineLevel(), coarsest = tiles.levels - 1;
    const key = `${state.layer} ${layer.still ? "" : state.month} ${second} ${state.only}`;
    const opaque = context.globalAlpha === 1;
    for (let coarse = coarsest; coarse >= level; coarse--) {
      const needed = coarse === level || (opaque && coarse === coarsest);
      const boxes = this.inView(Page.TILE * 2 ** coarse);
      const there = boxes.map(([row, column]) =>
        needed || tiles.asked(coarse, row, column) ? tiles.get(coarse, row, column) : null);
      // Half-transparent tiles must not lie upon each other: only whole levels are drawn.
      if (!opaque && there.some((tile) => !tile) && coarse !== coarsest) continue;
      if (!opaque && coarse !== level && this.ready(level)) continue;
      boxes.forEach(([row, column], i) => {
        if (there[i]) this.drawTile(context, layer, key, there[i], coarse, row, column);
      });
      if (!opaque && coarse === coarsest && !this.ready(level)) {
        this.inView(Page.TILE * 2 ** level).forEach(([row, column]) => tiles.get(level, row, column));
        return;
      }
    }
  }

  // The level of which a pixel is about as large as one of the screen.
  fineLevel() {
    const ratio = window.devicePixelRatio || 1;
    const fine = Math.round(Math.log2(1 / (this.page.viewer.zoom * ratio)));
    return Math.min(this.page.tiles.levels - 1, Math.max(0, fine));
  }

  ready(level) {
    return this.inView(Page.TILE * 2 ** level).every(([row, column]) => {
      const tile = this.page.tiles.asked(level, row, column);
      return tile && tile.labels;
    });
  }

  drawTile(context, layer, key, tile, level, row, column) {
    const picture = this.page.tiles.picture(tile, key, layer.paint);
    const scale = 2 ** level, side = Page.TILE * scale;
    const box = [column * side, row * side, tile.width * scale, tile.height * scale];
    this.drawBox(context, picture, box, this.page.viewer.zoom * scale < 1);
  }

  // An image upon [column, row, width, height] of the area.
  drawBox(context, image, [column, row, width, height], smooth) {
    const [left, top] = this.page.viewer.toScreen(column, row);
    const [right, bottom] = this.page.viewer.toScreen(column + width, row + height);
    context.imageSmoothingEnabled = smooth;
    const ratio = window.devicePixelRatio || 1; // whole pixels: no seams between tiles
    const [x, y, x2, y2] = [left, top, right, bottom].map((v) => Math.round(v * ratio) / ratio);
    context.drawImage(image, x, y, x2 - x, y2 - y);
  }

  // [row, column] of the boxes of this side that are in view.
  inView(side) {
    const { canvas } = this.page.viewer, { width, height } = this.page.data;
    const [left, top] = this.page.viewer.toGrid(0, 0);
    const [right, bottom] = this.page.viewer.toGrid(canvas.clientWidth, canvas.clientHeight);
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
    const { step, seen } = this.page.data.colour, side = Page.TILE * step;
    const { month } = this.page.state;
    let empty = true;
    for (const [row, column] of this.inView(side)) {
      const name = `${row}_${column}`;
      if (!seen[name] || seen[name][month] !== "1") continue;
      empty = false;
      const image = this.image(`page/colour/${name}/${month}.jpg`);
      if (!image.complete || !image.naturalWidth) continue;
      const box = [column * side, row * side, image.naturalWidth * step, image.naturalHeight * step];
      this.drawBox(context, image, box, this.page.viewer.zoom * step < 1);
    }
    const inferred = this.page.isMap ? "; the labels follow from other months" : "";
    this.page.element("notice").textContent =
      empty ? `${this.page.data.months[month]}: no observation here${inferred}` : "";
  }

  image(source) {
    if (!this.images.has(source)) {
      if (this.images.size > 200) this.images.delete(this.images.keys().next().value);
      const image = new Image();
      image.onload = () => this.page.viewer.redraw();
      image.src = source;
      this.images.set(source, image);
    }
    return this.images.get(source);
  }

  drawOutline(context) { // of the pixel that was clicked
    if (!this.page.state.at) return;
    const { column, row } = this.page.state.at;
    const [x, y] = this.page.viewer.toScreen(column + 0.5, row + 0.5);
    const width = Math.max(10, this.page.viewer.zoom);
    const height = Math.max(10, this.page.viewer.zoom * this.page.data.aspect);
    for (const [colour, size] of [["#ffffff", 4], ["#000000", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = size;
      context.strokeRect(x - width / 2, y - height / 2, width, height);
    }
  }
}
