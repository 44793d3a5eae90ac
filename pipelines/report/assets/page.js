"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const COLOURS = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#9c6bb0", "#b07a4a", "#e377c2", "#2aa5a0", "#c2a100", "#5b8def"];
const GREY = "#9aa0a6";

/* Light and dark: the system's, until one is chosen. */

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const redrawn = [];
let chosen = null;

function isDark() { return root.dataset.theme === "dark"; }
function paint() {
  root.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
  redrawn.forEach((draw) => draw());
}
system.addEventListener("change", paint);
find("#theme").addEventListener("click", () => { chosen = isDark() ? "light" : "dark"; paint(); });

function colour(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

/* Strokes are drawn as ink on the page's ground, photographs as they are. */
function filter(dataset) { return data.strokes.includes(dataset) && !isDark() ? "invert(1)" : "none"; }

/* Chips that filter claims and variants. */

all("[data-verdict].chip").forEach((chip) => chip.addEventListener("click", () => {
  chip.ariaPressed = chip.ariaPressed !== "true";
  const shown = all('[data-verdict].chip[aria-pressed="true"]').map((one) => one.dataset.verdict);
  all(".claim").forEach((claim) => { claim.hidden = !shown.includes(claim.dataset.verdict); });
}));

all("[data-dataset].chip").forEach((chip) => chip.addEventListener("click", () => {
  all("[data-dataset].chip").forEach((other) => { other.ariaPressed = other === chip; });
  all("#table tbody tr").forEach((row) => { row.hidden = chip.dataset.dataset && row.dataset.dataset !== chip.dataset.dataset; });
  hideEmptyColumns();
}));

function hideEmptyColumns() {
  const rows = all("#table tbody tr").filter((row) => !row.hidden);
  all("#table thead th").forEach((heading, place) => {
    const empty = rows.every((row) => row.cells[place].dataset.value === "");
    [heading, ...all("#table tbody tr").map((row) => row.cells[place])].forEach((cell) => { cell.hidden = empty; });
  });
}

/* The table sorts by a click; what has no figure stays at the end. */

function compare(first, second) {
  const [a, b] = [Number(first), Number(second)];
  return Number.isNaN(a) || Number.isNaN(b) ? first.localeCompare(second, undefined, { numeric: true }) : a - b;
}

all("#table thead th").forEach((heading, place) => heading.querySelector("button").addEventListener("click", () => {
  const natural = heading.dataset.better === "high" ? "descending" : "ascending";
  const other = { ascending: "descending", descending: "ascending" };
  const order = heading.ariaSort ? other[heading.ariaSort] : natural;
  all("#table thead th").forEach((one) => { one.ariaSort = null; });
  heading.ariaSort = order;
  const sign = order === "ascending" ? 1 : -1;
  const rows = all("#table tbody tr").sort((one, two) => {
    const [a, b] = [one.cells[place].dataset.value, two.cells[place].dataset.value];
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * compare(a, b);
  });
  find("#table tbody").append(...rows);
}));

function link() {
  const address = find("#mlflow").value.replace(/\/+$/, "");
  all("a.registered").forEach((one) => { one.href = `${address}/#/models/${one.dataset.model}?workflowType=machine_learning`; });
}
find("#mlflow").addEventListener("input", link);

/* Pictures: a click makes them large. */

const large = find("#large");
document.addEventListener("click", (event) => {
  if (event.target.matches("figure img")) {
    const image = large.querySelector("img");
    [image.src, image.alt] = [event.target.src, event.target.alt];
    large.showModal();
  } else if (event.target === large || event.target.matches("#large button")) {
    large.close();
  }
});

function options(select, values, value) {
  select.replaceChildren(...values.map((one) => new Option(one, one)));
  select.value = values.includes(value) ? value : values[0] ?? "";
  select.disabled = values.length === 0;
}

/* A section is drawn when it first comes near the window. */

function whenSeen(selector, draw) {
  const section = find(selector);
  const watcher = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) { watcher.disconnect(); redrawn.push(draw); draw(); }
  }, { rootMargin: "300px" });
  watcher.observe(section);
}

/* Images of examples, from one sheet a dataset. */

const sheets = new Map();
function sheet(dataset) {
  const uri = data.examples[dataset]?.sheet?.uri;
  if (uri && !sheets.has(dataset)) {
    const image = new Image();
    image.src = uri;
    sheets.set(dataset, image);
  }
  return sheets.get(dataset);
}

/* The plot's look, in the page's colours. */

const narrow = matchMedia("(max-width: 40rem)");
const CLEAR = "rgba(0,0,0,0)";
const TICKS = [-2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 3, 5, 7].map((digit) => Number((digit * 10 ** power).toPrecision(1))));
const TITLE = { size: 13 };

function layout(more) {
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zeroline: false };
  return {
    paper_bgcolor: CLEAR, plot_bgcolor: CLEAR, font: { color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 13 },
    margin: { l: 60, r: 16, t: 40, b: 58 }, hovermode: "closest", ...more,
    modebar: { bgcolor: CLEAR, color: colour("--pale"), activecolor: colour("--accent") },
    xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
  };
}
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: narrow.matches ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "sendDataToCloud"] };
const beneath = { orientation: "h", y: -0.16, x: 0 };

/* Codes in the plane, with what is under the pointer. */

const planes = Object.keys(data.planes);
options(find("#plane-variant"), planes, "pca-2");
options(find("#plane-beside"), planes, "deep-2");

/* Plotly reads markup in names and titles; so a name's own is spelt out. */
function plain(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }

function className(plane, label) { return plane.classes[label] ?? (plane.classes.length ? "another or none" : "all"); }

function traces(plane) {
  const classes = [-1, ...plane.classes.keys()].filter((label) => plane.labels.includes(label));  // the rest lies beneath
  return classes.map((label) => {
    const places = plane.labels.flatMap((one, place) => (one === label ? [place] : []));
    return {
      type: "scatter", mode: "markers", name: plain(className(plane, label)),
      x: places.map((place) => plane.points[place][0]), y: places.map((place) => plane.points[place][1]),
      customdata: places, hoverinfo: "none", legendrank: label < 0 ? 2000 : 1000,
      marker: { size: 6, opacity: 0.75, color: label < 0 ? GREY : COLOURS[label % COLOURS.length] },
    };
  });
}

/* Where nearly all points lie: a few far out would squash the rest. */
function middle(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor(0.005 * sorted.length)], sorted[Math.ceil(0.995 * sorted.length) - 1]];
  const room = 0.06 * (high - low) || 1;
  return [low - room, high + room];
}

function drawPlane(element, name) {
  const plane = data.planes[name];
  if (!plane) return;
  const [xs, ys] = [0, 1].map((axis) => plane.points.map((point) => point[axis]));
  const look = layout({
    title: { text: `<b>${plain(name)}</b>  ${plain(plane.title)}<br><sub>the first ${plane.points.length.toLocaleString("en")} of them</sub>`, font: TITLE, x: 0.02, xanchor: "left", y: 0.965 },
    margin: { l: 45, r: 12, t: 64, b: narrow.matches ? 90 : 40 },
    xaxis: { range: middle(xs) }, yaxis: { range: middle(ys) },
    legend: narrow.matches ? beneath : { title: { text: plane.what } },
  });
  Plotly.react(element, traces(plane), look, CONFIG);
  element.removeAllListeners?.("plotly_hover");
  element.removeAllListeners?.("plotly_unhover");
  element.on("plotly_hover", (event) => showExample(name, event.points[0], event.event));
  element.on("plotly_unhover", () => { find("#plane-card").hidden = true; });
}

function showExample(name, point, event) {
  const plane = data.planes[name];
  const card = find("#plane-card");
  const examples = data.examples[plane.data] ?? {};
  const place = point.customdata;
  const label = className(plane, plane.labels[place]);
  const title = examples.titles?.[place];
  card.querySelector("p").textContent = title ? `${title} (${label})` : label;
  const canvas = card.querySelector("canvas");
  const image = sheet(plane.data);
  canvas.hidden = !image || place >= examples.sheet.count;
  if (!canvas.hidden) drawExample(canvas, plane.data, place);
  card.hidden = false;
  const [x, y] = [event.clientX ?? event.touches?.[0]?.clientX ?? 0, event.clientY ?? event.touches?.[0]?.clientY ?? 0];
  card.style.left = `${Math.max(8, Math.min(x + 16, innerWidth - card.offsetWidth - 8))}px`;
  card.style.top = `${Math.max(8, Math.min(y + 16, innerHeight - card.offsetHeight - 8))}px`;
}

function drawExample(canvas, dataset, place) {
  const { columns, width, height } = data.examples[dataset].sheet;
  const context = canvas.getContext("2d");
  context.filter = filter(dataset);
  context.imageSmoothingEnabled = false;
  const [left, top] = [(place % columns) * width, Math.floor(place / columns) * height];
  context.drawImage(sheet(dataset), left, top, width, height, 0, 0, canvas.width, canvas.height);
}

function drawPlanes() {
  all(".plot.square").forEach((element, side) => drawPlane(element, find(side ? "#plane-beside" : "#plane-variant").value));
}
["#plane-variant", "#plane-beside"].forEach((selector) => find(selector).addEventListener("change", () => { find("#plane-card").hidden = true; drawPlanes(); }));

/* Learning curves. */

options(find("#curve-group"), Object.keys(data.curves), "mnist, 30 numbers");

function drawCurves() {
  const group = data.curves[find("#curve-group").value];
  find("#curve-plot").hidden = !group || !Object.keys(group.lines).length;
  find("#curve-absent").textContent = group?.absent.length ? `Not here: ${group.absent.join(", ")}; dvc repro draws them.` : "";
  if (find("#curve-plot").hidden) return;
  const by = find('input[name="by"]:checked').value;
  const lines = Object.entries(group.lines).map(([name, line], place) => ({
    type: "scatter", mode: "lines+markers", name: plain(name), x: line[by], y: line.error, marker: { size: 4 },
    line: { width: 2, color: COLOURS[place % COLOURS.length], dash: place < COLOURS.length ? "solid" : "dash" },
    hovertemplate: `%{y:.4g} after %{x:.4g} ${by === "epoch" ? "epochs" : "s"}`,
  }));
  const errors = lines.flatMap((line) => line.y);
  const wide = Math.max(...errors) > 3 * Math.min(...errors);
  Plotly.react(find("#curve-plot"), lines, layout({
    xaxis: { title: { text: by === "epoch" ? "epoch" : "seconds, pretraining included", font: TITLE }, rangemode: "tozero" },
    yaxis: { title: { text: plain(group.error), font: TITLE }, ...(wide ? { type: "log", tickvals: TICKS, ticktext: TICKS.map(String) } : {}) },
    legend: narrow.matches ? beneath : {},
  }), CONFIG);
}
all('#curve-group, input[name="by"]').forEach((input) => input.addEventListener("change", drawCurves));

/* Precision by recall. */

function drawRecall() {
  const stems = [...new Set(data.recall.map((line) => line.family))];
  const lines = data.recall.map((line) => ({
    type: "scatter", mode: "lines+markers", name: plain(line.variant), x: line.recall, y: line.precision,
    line: { width: 2, color: COLOURS[stems.indexOf(line.family) % COLOURS.length], dash: ["solid", "dash", "dashdot", "dot", "longdash"][line.member % 5] },
    marker: { size: 5, symbol: ["circle", "square", "diamond", "triangle-up", "x"][line.member % 5] },
    hovertemplate: "precision %{y:.3f} at recall %{x}",
  }));
  Plotly.react(find("#recall-plot"), lines, layout({
    xaxis: { title: { text: "recall", font: TITLE }, type: "log", tickvals: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1] },
    yaxis: { title: { text: "precision", font: TITLE }, range: [0, 1] }, legend: narrow.matches ? beneath : {},
  }), CONFIG);
}

/* Pictures of a variant. */

options(find("#gallery-variant"), Object.keys(data.gallery), "deep-30");
function drawGallery() {
  const pictures = data.gallery[find("#gallery-variant").value] ?? [];
  find("#gallery").replaceChildren(...pictures.map(({ uri, caption, width, height }) => {
    const [figure, image, words] = ["figure", "img", "figcaption"].map((tag) => document.createElement(tag));
    Object.assign(image, { src: uri, alt: caption, className: "paper", width, height });
    words.textContent = caption;
    figure.append(image, words);
    return figure;
  }));
}
find("#gallery-variant").addEventListener("change", drawGallery);

/* The decoder: an even grid of decoded images, blended between its nearest four. */

const toy = { grid: null, at: [0, 0] };
options(find("#toy-variant"), planes.filter((name) => data.planes[name].decoded), "deep-2-l2");

function openToy() {
  const name = find("#toy-variant").value;
  const decoded = data.planes[name]?.decoded;
  if (!decoded) return;
  const image = new Image();
  image.onload = () => {
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    toy.grid = { name, image, ...decoded, width: image.width, pixels: context.getImageData(0, 0, image.width, image.height).data };
    move(centre(data.planes[name], 0));
  };
  image.src = decoded.uri;
}

function blend(code) {
  const { side, shape: [height, width], across, up, pixels, width: stride } = toy.grid;
  const column = ((code[0] - across[0]) / (across[1] - across[0])) * (side - 1);
  const row = ((up[1] - code[1]) / (up[1] - up[0])) * (side - 1);
  const left = Math.min(Math.max(Math.floor(column), 0), side - 2), top = Math.min(Math.max(Math.floor(row), 0), side - 2);
  const [across1, down1] = [column - left, row - top];
  const result = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) for (let channel = 0; channel < 4; channel += 1) {
    const at = (r, c) => pixels[4 * ((r * height + y) * stride + c * width + x) + channel];
    const above = at(top, left) * (1 - across1) + at(top, left + 1) * across1;
    const below = at(top + 1, left) * (1 - across1) + at(top + 1, left + 1) * across1;
    result.data[4 * (y * width + x) + channel] = above * (1 - down1) + below * down1;
  }
  return result;
}

function toCanvas([x, y], { across, up }, size) {
  return [((x - across[0]) / (across[1] - across[0])) * size, ((up[1] - y) / (up[1] - up[0])) * size];
}

function drawToy() {
  if (!toy.grid) return;
  drawToyPlane();
  const dataset = data.planes[toy.grid.name].data;
  const small = blend(toy.at);
  const buffer = new OffscreenCanvas(small.width, small.height);
  buffer.getContext("2d").putImageData(small, 0, 0);
  const context = find("#toy-digit").getContext("2d");
  context.filter = filter(dataset);
  context.drawImage(buffer, 0, 0, 280, 280);
  find("#toy-says").textContent = `code (${toy.at.map((value) => value.toFixed(2)).join(", ")})`;
  find("#toy-near").textContent = nearestExample();
}

function drawToyPlane() {
  const canvas = find("#toy-plane"), context = canvas.getContext("2d"), size = canvas.width;
  const plane = data.planes[toy.grid.name];
  context.clearRect(0, 0, size, size);
  if (find("#toy-decoded").checked) {
    context.filter = filter(plane.data);
    context.globalAlpha = 0.55;
    context.drawImage(toy.grid.image, 0, 0, size, size);
    context.filter = "none";
  }
  plane.points.forEach((point, place) => {
    const label = plane.labels[place];
    context.globalAlpha = 0.7;
    context.fillStyle = label < 0 ? GREY : COLOURS[label % COLOURS.length];
    const [x, y] = toCanvas(point, toy.grid, size);
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
  nameClasses(context, plane, size);
  const [x, y] = toCanvas(toy.at, toy.grid, size);
  context.strokeStyle = colour("--ink");
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.moveTo(x - 16, y); context.lineTo(x + 16, y);
  context.moveTo(x, y - 16); context.lineTo(x, y + 16);
  context.stroke();
}

function median(values) { return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]; }

/* The median code of a class; of all points, if there are no classes. */
function centre(plane, label) {
  const known = plane.labels.includes(label);
  const points = plane.points.filter((_, place) => !known || plane.labels[place] === label);
  return [0, 1].map((axis) => median(points.map((point) => point[axis])));
}

function nameClasses(context, plane, size) {
  context.font = "bold 20px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  plane.classes.forEach((name, label) => {
    if (!plane.labels.includes(label)) return;
    const [x, y] = toCanvas(centre(plane, label), toy.grid, size);
    context.fillStyle = colour("--surface");
    context.strokeStyle = COLOURS[label % COLOURS.length];
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 14, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    context.fillStyle = colour("--ink");
    context.fillText(name, x, y + 1);
  });
}

function nearestExample() {
  const plane = data.planes[toy.grid.name];
  const distances = plane.points.map(([x, y]) => Math.hypot(x - toy.at[0], y - toy.at[1]));
  const place = distances.indexOf(Math.min(...distances));
  const name = plane.classes[plane.labels[place]];
  return `The nearest of the points${name === undefined ? "" : ` is a ${name},`} at a distance of ${distances[place].toFixed(2)}.`;
}

function move(code) {
  const { across, up } = toy.grid;
  const within = (value, [low, high]) => Math.min(Math.max(value, low), high);
  toy.at = [within(code[0], across), within(code[1], up)];
  drawToy();
}

find("#toy-plane").addEventListener("pointermove", (event) => {
  if (!toy.grid) return;
  const { left, top, width, height } = event.target.getBoundingClientRect();
  const { across, up } = toy.grid;
  const [x, y] = [(event.clientX - left) / width, (event.clientY - top) / height];
  move([across[0] + x * (across[1] - across[0]), up[1] - y * (up[1] - up[0])]);
});
find("#toy-plane").addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (!toy.grid || !steps[event.key]) return;
  event.preventDefault();
  const { across, up } = toy.grid;
  const [x, y] = steps[event.key];
  move([toy.at[0] + (x * (across[1] - across[0])) / 60, toy.at[1] + (y * (up[1] - up[0])) / 60]);
});
find("#toy-variant").addEventListener("change", openToy);
find("#toy-decoded").addEventListener("change", drawToy);

/* Sections that have nothing to show say so. */

[["#toy", find("#toy-variant").options.length, "ae flow deep-2-l2"], ["#planes", planes.length, "dvc repro"],
  ["#curves", Object.keys(data.curves).length, "dvc repro"], ["#recall", data.recall.length, "dvc repro"],
  ["#pictures", Object.keys(data.gallery).length, "dvc repro"]].forEach(([section, there, command]) => {
  if (there) return;
  const heading = find(`${section} h2`).cloneNode(true);
  const said = document.createElement("p");
  said.textContent = `Nothing of this has been measured yet: ${command}`;
  find(section).replaceChildren(heading, said);
});

link();
hideEmptyColumns();
paint();
if (find("#toy-variant")) { openToy(); redrawn.push(drawToy); }
if (find("#plane-left")) whenSeen("#planes", drawPlanes);
if (find("#curve-plot")) whenSeen("#curves", drawCurves);
if (find("#recall-plot")) whenSeen("#recall", drawRecall);
if (find("#gallery")) whenSeen("#pictures", drawGallery);
