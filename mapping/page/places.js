// Longitude and latitude of places in the grid of the map.
"use strict";

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
