// What the desks hold, as a tree map: areas in proportion to the exposure, colours by the sentiment.
import { amount, el, shade, signed } from "/static/dom.js";

const WIDE = 1200, TALL = 360;

// Rectangles whose areas are in proportion to `sizes` (the largest first), none much longer than wide: the squarified tree
// map of Bruls, Huizing and van Wijk (2000).
function squarified(sizes, width, height) {
  const total = sizes.reduce((sum, size) => sum + size, 0), boxes = [];
  let x = 0, y = 0, w = width, h = height, row = [];
  const sum = of => of.reduce((all, one) => all + one, 0);
  const worst = of => Math.max(...of.map(one => { const side = Math.min(w, h), thick = sum(of) / side, long = one / thick; return Math.max(thick / long, long / thick); }));
  const lay = () => {
    const across = w >= h, thick = sum(row) / (across ? h : w);
    let at = across ? y : x;
    for (const one of row) {
      const long = one / thick;
      boxes.push(across ? { x, y: at, width: thick, height: long } : { x: at, y, width: long, height: thick });
      at += long;
    }
    if (across) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    row = [];
  };
  for (const area of sizes.map(size => size / total * width * height)) {
    if (row.length && worst([...row, area]) > worst(row)) lay();
    row.push(area);
  }
  if (row.length) lay();
  return boxes;
}

// `rows` are those of /api/exposure, the largest first.
export function treeMap(rows) {
  const boxes = squarified(rows.map(row => Math.abs(row.exposure)), WIDE, TALL);
  return el("ul", { class: "map" }, rows.map((row, i) => {
    const tone = row.told ? signed(row.sentiment) : "nothing said", size = `${amount(row.exposure, { notation: "compact" })} ${row.currency}`;
    const link = el("a", { class: `tile ${row.told ? shade(row.sentiment) : "z"}`, href: `/entity/${encodeURIComponent(row.entity)}`, title: `${row.name || row.entity}: ${size}, ${tone}` },
      el("strong", {}, row.entity), ` ${row.told ? tone : "quiet"}`, el("br"), el("small", {}, size));
    const { x, y, width, height } = boxes[i], place = el("li", {}, link);
    Object.assign(place.style, { left: `${x / WIDE * 100}%`, top: `${y / TALL * 100}%`, width: `${width / WIDE * 100}%`, height: `${height / TALL * 100}%` });
    return place;
  }));
}
