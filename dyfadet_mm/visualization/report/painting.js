// Colours and bars, as in the pictures of dyfadet_mm.

const FAINTEST = 0.12;
const darkMode = matchMedia('(prefers-color-scheme: dark)');
let surface, ink, line, track, accent;

function readColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  [surface, ink, line, track, accent] =
    ['surface', 'soft', 'line', 'track', 'accent'].map(color);
}

const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// Mix with the ground, the more the lower the score.
function fade(hex, score) {
  const alpha = FAINTEST +
    (1 - FAINTEST) * Math.min(Math.max(score, 0), 1);
  const ground = parts(surface);
  return parts(hex).map(
    (part, i) => Math.round(ground[i] + alpha * (part - ground[i])));
}

const inkOn = ([red, green, blue]) =>
  0.3 * red + 0.59 * green + 0.11 * blue > 140 ? '#222222' : '#ffffff';

// The hatches that tell apart more classes than there are colours.
const HATCHES = {
  '////': (c) => { c.moveTo(-1, 9); c.lineTo(9, -1); },
  'xxxx': (c) => {
    c.moveTo(-1, 9); c.lineTo(9, -1); c.moveTo(-1, -1); c.lineTo(9, 9);
  },
  '....': (c) => { c.arc(4, 4, 0.8, 0, 7); },
};
const patterns = {};

function hatch(context, name) {
  if (!patterns[name]) {
    const tile = make('canvas', {width: 8, height: 8});
    const c = tile.getContext('2d');
    c.strokeStyle = 'rgba(255, 255, 255, .9)';
    c.lineWidth = 1.2;
    c.beginPath();
    HATCHES[name](c);
    c.stroke();
    patterns[name] = context.createPattern(tile, 'repeat');
  }
  return patterns[name];
}

function paintBar(context, x, y, width, height, label, score) {
  const {color, hatch: name} = data.classes[label];
  const face = fade(color, score);
  context.fillStyle = `rgb(${face})`;
  if (width < 5) {  // no room for more, and of these there may be thousands
    context.fillRect(x, y, width, height);
    return;
  }
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(3, width / 2));
  context.fill();
  if (HATCHES[name]) {
    context.fillStyle = hatch(context, name);
    context.fill();
  }
  // dark colours need an edge on a dark ground
  context.lineWidth = 1;
  context.strokeStyle = darkMode.matches ? 'rgba(255, 255, 255, .45)' :
    surface;
  context.stroke();
}

// Prepare a canvas for drawing in CSS pixels.
function clear(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const size = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = '11px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  return context;
}

function swatch(label) {
  const canvas = make('canvas', {className: 'swatch'});
  canvas.setAttribute('aria-hidden', 'true');
  paintBar(clear(canvas, 14, 14), 0.5, 0.5, 13, 13, label, 1);
  return canvas;
}

function className(label) {
  return make('bdi', {className: 'name', textContent: nameOf(label),
                      title: nameOf(label)});
}
