// One row per class on a common axis, which zooms and follows the time.

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200,
               1800, 3600, 7200, 18000, 36000];
const RULER = 36;
const axis = byId('axis');
const view = {start: 0, end: 1};  // seconds
let trackWidth = 1;               // pixels
let rows = new Map();             // label -> {canvas, actions, bars, ...}

const toX = (time) =>
  (time - view.start) / (view.end - view.start) * trackWidth;
const toTime = (x) =>
  view.start + x / trackWidth * (view.end - view.start);
function drawAxis() {
  const width = trackWidth;
  const context = clear(axis, width, RULER);
  const span = view.end - view.start;
  const step = STEPS.find((each) => each / span * width > 70) || 36000;
  context.fillStyle = ink;
  context.strokeStyle = line;
  context.beginPath();
  for (let i = Math.ceil(view.start / step); i * step <= view.end; i++) {
    const x = toX(i * step);
    context.moveTo(x, RULER - 4);
    context.lineTo(x, RULER);
    context.textAlign = x < 20 ? 'left' : x > width - 20 ? 'right' : 'center';
    context.fillText(clockText(i * step, step < 1 ? 1 : 0), x, 8);
  }
  context.stroke();
}

function newRow(label) {
  const canvas = make('canvas');
  canvas.setAttribute('role', 'img');
  const many = make('span', {className: 'many'});
  const button = make('button', {type: 'button'}, swatch(label),
                      className(label), many);
  button.setAttribute('aria-pressed', String(state.off.size > 0));
  button.addEventListener('click', () => showAlone(label));
  const row = {label, canvas, many, button, actions: [], bars: []};
  canvas.addEventListener('pointerdown', (event) => press(event, row));
  canvas.addEventListener('pointermove', (event) => point(event, row));
  canvas.addEventListener('pointerleave', hideTip);
  row.element = make('li', {className: 'row'}, button,
                     make('div', {className: 'track'}, canvas));
  return row;
}

function drawRows() {
  const actions = new Map();
  for (const each of shownActions()) {
    if (!actions.has(each.label)) actions.set(each.label, []);
    actions.get(each.label).push(each);
  }
  const labels = [...actions.keys()].sort((a, b) => a - b);
  if (labels.join() !== [...rows.keys()].join()) {
    rows = new Map(labels.map((n) => [n, rows.get(n) || newRow(n)]));
    byId('rows').replaceChildren(...[...rows.values()].map((r) => r.element));
  }
  for (const row of rows.values()) {
    row.actions = actions.get(row.label);
    const found = row.actions.filter((each) => each.score !== null).length;
    row.many.textContent = found;
    row.canvas.setAttribute(
      'aria-label', `${nameOf(row.label, 60)}: ${found} detections, ` +
      `${row.actions.length - found} of ground truth; see the table`);
    row.button.setAttribute('aria-pressed', String(state.off.size > 0));
    drawRow(row);
  }
}

function draw() {
  trackWidth = Math.max(axis.clientWidth, 1);
  drawAxis();
  drawRows();
  byId('seek').min = view.start;
  byId('seek').max = view.end;
  movePlayhead();
}

function movePlayhead() {
  const slider = byId('seek');
  slider.value = state.time;
  slider.setAttribute('aria-valuetext', clockText(state.time));
  const seen = view.start <= state.time && state.time <= view.end;
  const playhead = byId('playhead');
  playhead.hidden = !seen;
  const [inner, outer] = [axis, byId('timeline')].map(
    (element) => element.getBoundingClientRect());
  const x = inner.left - outer.left + toX(state.time);
  playhead.style.transform = `translateX(${x - 1}px)`;
  playhead.style.top = `${inner.top - outer.top + 24}px`;  // from the thumb
}

// Show a span of seconds, within the video.
function show(start, span) {
  const {duration} = state;
  const length = Math.min(Math.max(span, 0.5), duration);
  view.start = Math.min(Math.max(start, 0), duration - length);
  view.end = view.start + length;
  draw();
}

function zoom(factor, time = state.time) {
  const span = (view.end - view.start) / factor;
  const middle = view.start <= time && time <= view.end ? time :
    (view.start + view.end) / 2;
  const part = (middle - view.start) / (view.end - view.start);
  show(middle - part * span, span);
}

function press(event, row) {
  if (event.button) return;
  const action = findBar(event, row.bars)?.action;
  if (action) select(action); else seek(toTime(event.offsetX));
}

function point(event, row) {
  if (event.buttons === 1 && event.pointerType === 'mouse') {
    seek(toTime(event.offsetX));
    return hideTip();
  }
  const action = findBar(event, row.bars)?.action;
  if (!action || event.pointerType !== 'mouse') return hideTip();
  const tip = byId('tip');
  tip.replaceChildren(
    make('bdi', {textContent: nameOf(action.label, 80)}),
    `, ${scoreText(action)}`, make('br'),
    `${clockText(action.start, 2)} \u2013 ${clockText(action.end, 2)}`);
  const frame = byId('timeline').getBoundingClientRect();
  const x = Math.min(event.clientX - frame.left + 12,
                     frame.width - tip.offsetWidth - 8);
  tip.style.transform =
    `translate(${x}px, ${event.clientY - frame.top + 18}px)`;
  tip.style.visibility = 'visible';
}

function hideTip() { byId('tip').style.visibility = 'hidden'; }

function keepInView() {
  const span = view.end - view.start;
  if (state.time < view.start || state.time > view.end) {
    show(state.time - 0.1 * span, span);
  }
}

on('video', () => {
  rows = new Map();
  [view.start, view.end] = [0, state.duration];
  byId('legend').textContent = state.video.truth ?
    'Thin bars: ground truth. Below: detections, pale where the score is ' +
    'low.' :
    'Detections, pale where the score is low.';
});
on('filter', draw);
on('select', drawRows);
on('time', () => { keepInView(); movePlayhead(); });

byId('seek').addEventListener('input', (e) => seek(Number(e.target.value)));
axis.addEventListener('pointerdown', (e) => seek(toTime(e.offsetX)));
byId('zoom-in').addEventListener('click', () => zoom(2));
byId('zoom-out').addEventListener('click', () => zoom(0.5));
byId('zoom-fit').addEventListener('click', () => show(0, Infinity));
byId('timeline').addEventListener('wheel', (event) => {
  const span = view.end - view.start;
  const x = event.clientX - axis.getBoundingClientRect().left;
  if (event.ctrlKey) {
    zoom(1.002 ** -event.deltaY, toTime(x));
  } else if (event.deltaX && span < state.duration) {
    show(view.start + event.deltaX / trackWidth * span, span);
  } else {
    return;
  }
  event.preventDefault();
}, {passive: false});
new ResizeObserver(() => { if (state.video) draw(); }).observe(axis);
darkMode.addEventListener('change', () => {
  readColors();
  rows = new Map();
  tell('filter');
});
