// The tiles of a map: loaded when they come into view, unpacked, and painted.
//
// A tile holds, one byte each: the labels of every month (as differences from the month before),
// then for every pixel the confidence of its labels, that of its last change, the reason why it has
// no label, and, at full resolution, the confidence of each change, by month, then by pixel.
"use strict";

class Tiles {
  static SIDE = 512;
  static MEMORY = 400e6; // bytes of unpacked tiles that are kept
  static NONE = 255;

  constructor(data, arrived) {
    Object.assign(this, { data, arrived });
    this.months = data.months.length;
    this.known = new Map(); // name -> tile, the one used last at the end
    this.held = 0;
    this.levels = 1;
    while (Math.max(data.height, data.width) > Tiles.SIDE * 2 ** (this.levels - 1)) this.levels++;
  }

  // The tile, or what stands for one on its way; undefined where none was asked for.
  asked(level, row, column) { return this.known.get(`tiles/${level}/${row}_${column}`); }

  // The tile if it is there, else null, and it is on its way.
  get(level, row, column) {
    const name = `tiles/${level}/${row}_${column}`;
    const tile = this.known.get(name);
    if (!tile) {
      this.known.set(name, { name, bytes: 0 });
      this.fetch(name).catch((error) => this.failed(error));
      return null;
    }
    this.known.delete(name);
    this.known.set(name, tile);
    return tile.labels ? tile : null;
  }

  failed(error) {
    document.getElementById("notice").textContent = `${error.message}; is the folder whole?`;
  }

  async fetch(name) {
    const { height, width, packed } = await tsscd.load("page", name);
    const tile = this.decode(name, height, width, await tsscd.unpack(packed));
    tsscd.forget(name);
    this.known.set(name, tile);
    this.held += tile.bytes;
    this.makeRoom(name);
    this.arrived();
    return tile;
  }

  // The tile, once it is there: for one pixel at full resolution.
  async wait(level, row, column) {
    const name = `tiles/${level}/${row}_${column}`;
    for (;;) {
      const tile = this.get(level, row, column);
      if (tile) return tile;
      await tsscd.load("page", name);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  makeRoom(newest) {
    for (const [name, tile] of this.known) {
      if (this.held <= Tiles.MEMORY) return;
      if (name === newest || !tile.labels) continue;
      this.known.delete(name);
      this.held -= tile.bytes;
    }
  }

  decode(name, height, width, bytes) {
    const size = height * width, labels = bytes.subarray(0, this.months * size);
    const pixels = [], starts = new Uint32Array(this.months + 1);
    for (let month = 1, at = size; month < this.months; month++) {
      starts[month] = pixels.length;
      for (let pixel = 0; pixel < size; pixel++, at++) {
        if (labels[at]) pixels.push(pixel);
        labels[at] += labels[at - size]; // modulo 256, as Python took the difference
      }
    }
    starts[this.months] = pixels.length;
    const rest = (i) => bytes.subarray((this.months + i) * size, (this.months + i + 1) * size);
    return {
      name, height, width, labels, pixels: Uint32Array.from(pixels), starts,
      confidence: rest(0), lastSure: rest(1), reason: rest(2),
      sure: bytes.subarray((this.months + 3) * size),
      bytes: bytes.length + 5 * pixels.length + 4 * size,
    };
  }

  // A canvas with the picture of a tile; key: says what it shows, so that it is painted once.
  picture(tile, key, paint) {
    if (tile.key !== key) {
      tile.canvas = tile.canvas || document.createElement("canvas");
      [tile.canvas.width, tile.canvas.height] = [tile.width, tile.height];
      const context = tile.canvas.getContext("2d");
      const image = context.createImageData(tile.width, tile.height);
      paint(tile, new Uint32Array(image.data.buffer));
      context.putImageData(image, 0, 0);
      tile.key = key;
    }
    return tile.canvas;
  }

  // Call visit(pixel, month, from, to) for every change up to a month, early ones first.
  static eachChange(tile, last, visit) {
    const size = tile.height * tile.width;
    for (let month = 1; month <= last; month++) {
      for (let i = tile.starts[month]; i < tile.starts[month + 1]; i++) {
        const pixel = tile.pixels[i], at = month * size + pixel;
        visit(pixel, month, tile.labels[at - size], tile.labels[at]);
      }
    }
  }

  // Labels of one pixel, its changes {month, from, to, sure} and what else the tile says of it.
  static series(tile, pixel, months) {
    const size = tile.height * tile.width;
    const labels = Array.from({ length: months }, (_, month) => tile.labels[month * size + pixel]);
    const changes = [];
    for (let month = 1; month < months; month++) {
      if (labels[month] === labels[month - 1]) continue;
      const inMonth = tile.pixels.subarray(tile.starts[month], tile.starts[month + 1]);
      const sure = tile.sure[tile.starts[month] + inMonth.indexOf(pixel)];
      changes.push({ month, from: labels[month - 1], to: labels[month], sure });
    }
    const [confidence, reason] = [tile.confidence[pixel], tile.reason[pixel]];
    return { labels, changes, confidence, reason };
  }
}
