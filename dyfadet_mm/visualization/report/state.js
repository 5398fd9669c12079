// What is shown, and who is told when it changes.

const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const listeners = {video: [], filter: [], time: [], select: []};
const state = {
  video: null,        // the open one, of data.videos
  duration: 1,        // seconds, up to the last segment if it is not known
  actions: [],        // its segments, best first
  threshold: data.threshold,
  off: new Set(),     // labels of the classes that are filtered out
  truth: true,        // whether ground truth is shown
  time: 0,            // seconds
  selected: null,     // one of the actions
};
const pending = new Set();

const on = (event, listener) => listeners[event].push(listener);

// Listeners run once a frame, however often something changes before.
function tell(event) {
  if (!pending.size) {
    requestAnimationFrame(() => {
      const events = [...pending];
      pending.clear();
      for (const each of events) {
        for (const listener of listeners[each]) listener();
      }
    });
  }
  pending.add(event);
}

// Users' texts enter the page here, and are never read as HTML.
function make(tag, options = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...children);
  return element;
}

function shorten(name, maxLength = 300) {
  if (!name.trim()) return '(no name)';
  return name.length > maxLength ? name.slice(0, maxLength) + '\u2026' : name;
}

const nameOf = (label, maxLength) =>
  shorten(data.classes[label].name, maxLength);

function clockText(seconds, digits = 1) {
  const step = 10 ** digits;
  const whole = Math.round(Math.max(seconds, 0) * step);
  const rest = whole % (60 * step);
  const minutes = Math.floor(whole / (60 * step));
  const tail = (rest / step).toFixed(digits);
  const padded = rest < 10 * step ? `0${tail}` : tail;
  return minutes < 60 ? `${minutes}:${padded}` :
    `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:` +
    padded;
}

function overlap(a, b) {
  const shared = Math.min(a.end, b.end) - Math.max(a.start, b.start);
  const union = Math.max(a.end, b.end) - Math.min(a.start, b.start);
  return shared > 0 ? shared / union : 0;
}

function actionsOf(video) {
  const read = (part) => part.starts.map((start, i) => ({
    start, end: part.ends[i], label: part.labels[i],
    score: part.scores ? part.scores[i] : null, tiou: null,
  }));
  const truth = video.truth ? read(video.truth) : [];
  const found = read(video.found);
  const truthOf = new Map();
  for (const each of truth) {
    if (!truthOf.has(each.label)) truthOf.set(each.label, []);
    truthOf.get(each.label).push(each);
  }
  if (video.truth) {
    for (const each of found) {
      each.tiou = (truthOf.get(each.label) || []).reduce(
        (best, other) => Math.max(best, overlap(each, other)), 0);
    }
  }
  return [...truth, ...found];
}

const isShown = (action) => !state.off.has(action.label) && (
  action.score === null ? state.truth : action.score >= state.threshold);
const shownActions = () => state.actions.filter(isShown);
const isAt = (action, time) => action.start <= time && time < action.end;

function openVideo(index) {
  state.video = data.videos[index];
  state.duration = state.video.duration || state.video.last_end;
  state.actions = actionsOf(state.video);
  state.selected = null;
  state.time = 0;
  for (const event of ['video', 'filter', 'time']) tell(event);
}

function setThreshold(value) {
  state.threshold = Math.round(Math.min(Math.max(value, 0), 1) * 100) / 100;
  tell('filter');
}

function setClasses(labels, shown) {
  for (const label of labels) {
    if (shown) state.off.delete(label); else state.off.add(label);
  }
  tell('filter');
}

// Show one class alone; if it is already, all of them.
function showAlone(label) {
  const others = data.classes.map((_, i) => i).filter((i) => i !== label);
  const isAlone = !state.off.has(label) &&
    others.every((i) => state.off.has(i));
  setClasses([label], true);
  setClasses(others, isAlone);
}
