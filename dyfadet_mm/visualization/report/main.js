// Choice of the video and of the classes, keys, and the start.

const items = [];  // of the list of videos

function fillVideos() {
  data.videos.forEach((video, index) => {
    const button = make('button', {type: 'button'},
                        make('bdi', {className: 'name', title: video.name,
                                     textContent: shorten(video.name)}),
                        make('small', {textContent:
                                       video.duration ?
                                       clockText(video.duration, 0) : ''}));
    button.addEventListener('click', () => openVideo(index));
    items.push(make('li', {}, button));
  });
  byId('video-list').append(...items);
  byId('video-count').textContent = `(${items.length})`;
  byId('videos').hidden = items.length < 2;
  byId('video-search').hidden = items.length < 10;
  byId('video-box').open = matchMedia('(min-width: 60rem)').matches;
}

function search(input, list, names) {
  input.addEventListener('input', () => {
    const text = input.value.toLowerCase();
    names.forEach((name, i) => {
      list[i].hidden = !name.toLowerCase().includes(text);
    });
  });
}

function stepVideo(direction) {
  const index = data.videos.indexOf(state.video) + direction;
  if (index >= 0 && index < data.videos.length) openVideo(index);
}

const checks = data.classes.map((each, label) => {
  const check = make('input', {type: 'checkbox', checked: true});
  check.addEventListener('change', () => setClasses([label], check.checked));
  return check;
});

function fillClasses() {
  const list = data.classes.map((each, label) => make('li', {}, make(
    'label', {}, checks[label], swatch(label), className(label))));
  byId('class-list').append(...list);
  byId('class-search').hidden = list.length < 10;
  search(byId('class-search'), list, data.classes.map((each) => each.name));
}

on('video', () => {
  items.forEach((item, i) => item.firstChild.setAttribute(
    'aria-current', String(data.videos[i] === state.video)));
  byId('truth-box').hidden = !state.video.truth;
});
on('filter', () => {
  byId('threshold').value = state.threshold;
  byId('threshold-value').textContent = state.threshold.toFixed(2);
  byId('truth').checked = state.truth;
  checks.forEach((check, label) => { check.checked = !state.off.has(label); });
  const all = data.classes.length;
  byId('class-count').textContent = state.off.size ?
    `(${all - state.off.size} of ${all})` : `(${all})`;
});

const everyClass = data.classes.map((_, label) => label);
byId('all-classes').addEventListener('click', () =>
  setClasses(everyClass, true));
byId('no-classes').addEventListener('click', () =>
  setClasses(everyClass, false));
byId('threshold').addEventListener('input', (event) =>
  setThreshold(Number(event.target.value)));
byId('truth').addEventListener('change', toggleTruth);
byId('previous').addEventListener('click', () => step(-1));
byId('next').addEventListener('click', () => step(1));
byId('help-open').addEventListener('click', () => byId('help').showModal());
document.addEventListener('pointerdown', (event) => {
  if (!byId('class-box').contains(event.target)) byId('class-box').open = false;
});

function toggleTruth() {
  state.truth = !state.truth;
  tell('filter');
}

const skip = (seconds) => (event) =>
  seek(state.time + (event.shiftKey ? Math.sign(seconds) * 0.2 : seconds));
const KEYS = {
  ' ': togglePlay,
  k: togglePlay,
  ArrowLeft: skip(-5),
  ArrowRight: skip(5),
  p: () => step(-1),
  n: () => step(1),
  '[': () => setThreshold(state.threshold - 0.05),
  ']': () => setThreshold(state.threshold + 0.05),
  g: () => { if (state.video.truth) toggleTruth(); },
  '+': () => zoom(2),
  '=': () => zoom(2),
  '-': () => zoom(0.5),
  0: () => show(0, Infinity),
  v: (event) => stepVideo(event.shiftKey ? -1 : 1),
  '?': () => byId('help').showModal(),
};
// keys that mean something else to what has the focus
const TAKEN = {
  BUTTON: [' '], SUMMARY: [' '], checkbox: [' '], VIDEO: [' ', 'Arrow'],
  range: ['Arrow'],
};

function isTaken(key, {tagName, type}) {
  if (type === 'search') return true;
  const taken = TAKEN[tagName] || TAKEN[type] || [];
  return taken.some((each) => key.startsWith(each));
}

document.addEventListener('keydown', (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.key === 'Escape') byId('class-box').open = false;
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open ||
      !KEYS[key] || !byId('keys').checked || isTaken(key, event.target)) {
    return;
  }
  event.preventDefault();
  KEYS[key](event);
});

readColors();
byId('title').textContent = data.title;
byId('summary').textContent = data.summary;
fillVideos();
search(byId('video-search'), items, data.videos.map((each) => each.name));
fillClasses();
openVideo(0);
